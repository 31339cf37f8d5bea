pub(crate) mod folder;
pub(crate) mod stores;
