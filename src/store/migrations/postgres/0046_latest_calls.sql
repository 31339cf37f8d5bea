-- The time of the latest call that the books had when the position was moved, of all nodes and of those whose time was believed, in
-- microseconds; null: none yet. What comes long before or after it is of a wrong clock, whatever that of the node says which records it.
alter table journal_position add column latest bigint;
