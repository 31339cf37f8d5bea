//! The `tollgate` command: one file a command.
