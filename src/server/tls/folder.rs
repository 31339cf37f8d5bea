//! What lies in a folder of certificates: `NAME.crt` with `NAME.key`, or `fullchain.pem` with `privkey.pem`, in the folder
//! itself or one below it. So a folder may be certbot's `live`, a mounted secret of Kubernetes, or made by hand.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Most certificates; further ones, by name, are not looked at.
const MAX_CERTIFICATES: usize = 1_000;
/// Most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// The two files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Files {
    /// What the certificate is called: its path in the folder without what all have.
    pub(super) name: String,
    /// The chain.
    pub(super) certificate: PathBuf,
    /// The key; perhaps it is not there.
    pub(super) key: PathBuf,
}

/// What tells that a file is another, or has been written: device, inode, size, and when anything of it changed last.
pub(super) type Stamp = (PathBuf, Option<(u64, u64, u64, i64, i64)>);

/// The certificates of `folder` by name. Links are followed.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn find(folder: &Path) -> io::Result<Vec<Files>> {
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    for path in entries(folder)? {
        match path.is_dir() {
            true => folders.push(path),
            false => found.extend(pair(folder, &path)),
        }
    }
    for below in folders {
        // One that went away, or is not ours to read, has none.
        let entries = entries(&below).unwrap_or_default();
        found.extend(entries.iter().filter_map(|path| pair(folder, path)));
    }
    found.sort();
    found.truncate(MAX_CERTIFICATES);
    Ok(found)
}

/// The state of all files that [`find`] finds.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn stamps(folder: &Path) -> io::Result<Vec<Stamp>> {
    Ok(find(folder)?.into_iter().flat_map(|files| [files.certificate, files.key]).map(stamp).collect())
}

/// The state of a file.
pub(super) fn stamp(path: PathBuf) -> Stamp {
    let state = fs::metadata(&path).ok().map(|metadata| {
        (metadata.dev(), metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec())
    });
    (path, state)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.take(MAX_ENTRIES).map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    // Kubernetes keeps the versions of a mounted secret in folders that begin with a point.
    paths.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
    Ok(paths)
}

/// The pair to which a certificate's file belongs; `None` for any other file.
fn pair(folder: &Path, certificate: &Path) -> Option<Files> {
    let within = certificate.strip_prefix(folder).ok()?;
    let (key, named) = match certificate.file_name()?.to_str()? {
        // certbot names the folder, not the file.
        "fullchain.pem" => (certificate.with_file_name("privkey.pem"), within.parent()?.to_owned()),
        name if name.ends_with(".crt") => (certificate.with_extension("key"), within.with_extension("")),
        _ => return None,
    };
    let name = if named.as_os_str().is_empty() { "fullchain".into() } else { named.to_string_lossy() };
    Some(Files { name: name.into_owned(), certificate: certificate.to_owned(), key })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_folder_is_read_as_those_who_make_certificates_leave_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            "default.crt",
            "default.key",
            "api.example.com.crt",
            "README",
            "lonely.key",
            ".hidden.crt",
            "..data/tls.crt",
            "shop.example.com/fullchain.pem",
            "shop.example.com/privkey.pem",
            "shop.example.com/cert.pem",
            "shop.example.com/deeper/x.crt",
            "caddy/a.crt",
        ];
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = find(folder.path()).unwrap();
        let names: Vec<&str> = found.iter().map(|files| files.name.as_str()).collect();
        assert_eq!(names, ["api.example.com", "caddy/a", "default", "shop.example.com"]);
        assert_eq!(found[0].key, folder.path().join("api.example.com.key"));
        assert_eq!(found[3].key, folder.path().join("shop.example.com/privkey.pem"));
        let alone = find(&folder.path().join("shop.example.com")).unwrap();
        assert_eq!(alone[0].name, "deeper/x");
        assert_eq!(alone[1].name, "fullchain");
    }

    #[test]
    fn whatever_changes_in_a_file_changes_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.crt");
        fs::write(&path, "one").unwrap();
        let mut before = stamps(folder.path()).unwrap();
        let next = folder.path().join("next");
        let changes: [&dyn Fn(); 3] = [
            &|| {
                fs::write(&next, "two").unwrap();
                fs::rename(&next, &path).unwrap();
            },
            &|| fs::write(folder.path().join("a.key"), "").unwrap(),
            &|| fs::remove_file(&path).unwrap(),
        ];
        for change in changes {
            change();
            let after = stamps(folder.path()).unwrap();
            assert_ne!(before, after);
            before = after;
        }
    }
}
