-- The head of a journal's chain where a batch ends: it proves which bytes the books took. Null: of a journal without a chain, as older
-- programs wrote it, or of a batch whose end lies within a larger one.

alter table usage_batch add column head blob check (length(head) = 32); -- SHA-256
