//! On what the data directory lies: some file systems forget, some do not lock or sync as the database needs.

use std::path::Path;

use super::finding::Finding;

/// Mounted as one of these it is a network's.
const NETWORKS: [&str; 10] = ["9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3"];
/// A program serves it, mounted as `fuse.NAME`, and keeps it across a network.
const SERVED_NETWORKS: [&str; 11] =
    ["ceph", "ceph-fuse", "curlftpfs", "gcsfuse", "glusterfs", "goofys", "juicefs", "mountpoint-s3", "rclone", "s3fs", "sshfs"];

/// Whether it keeps what it is told to.
pub fn keeps(dir: &Path) -> Finding {
    judge(mounted(dir).as_deref().or_else(|| magic(dir).and_then(numbered)))
}

fn judge(kind: Option<&str>) -> Finding {
    const CHECK: &str = "file system";
    let Some(kind) = kind else { return Finding::ok(CHECK, "local") };
    let served = kind.strip_prefix("fuse.");
    if ["tmpfs", "ramfs"].contains(&kind) {
        let what = format!("{kind} is in memory: everything is gone when the machine restarts");
        Finding::fix(CHECK, what, "move the directory to a disk, with the server stopped, and set data_dir")
    } else if NETWORKS.contains(&kind) || served.is_some_and(|name| SERVED_NETWORKS.contains(&name)) {
        let what = format!("{kind} is a network's: locks and syncs may not hold there, so acknowledged data could be lost");
        Finding::fix(CHECK, what, "move the directory to a local disk, with the server stopped, and set data_dir")
    } else if served.is_some() || ["fuse", "virtiofs"].contains(&kind) {
        Finding::look(CHECK, format!("{kind} is as good as what it stands on"), "see that it keeps what is synced; a local disk does")
    } else {
        Finding::ok(CHECK, "local")
    }
}

/// What it is mounted as: `ext4`, `nfs4`, `fuse.sshfs`. None without `/proc`, and for a part of a Btrfs, which has a number of its own.
#[cfg(target_os = "linux")]
fn mounted(dir: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let device = std::fs::metadata(dir).ok()?.dev();
    mounted_in(&std::fs::read_to_string("/proc/self/mountinfo").ok()?, device).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn mounted(_: &Path) -> Option<String> {
    None
}

/// The type of the file system of this device (`proc_pid_mountinfo(5)`: the third field is its number, the type comes after ` - `).
#[cfg(target_os = "linux")]
fn mounted_in(mounts: &str, device: u64) -> Option<&str> {
    let number = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&number))?;
    line.split_once(" - ")?.1.split(' ').next()
}

/// The number by which file systems are told apart (statfs(2)). A 9P that Linux 6.1 mounts has that of what its server keeps it on.
#[cfg(target_os = "linux")]
fn magic(dir: &Path) -> Option<u32> {
    u32::try_from(i128::from(rustix::fs::statfs(dir).ok()?.f_type) & 0xffff_ffff).ok()
}

#[cfg(not(target_os = "linux"))]
fn magic(_: &Path) -> Option<u32> {
    None
}

/// What one of that number is mounted as, of those with which something is wrong (`linux/magic.h`).
fn numbered(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0102_1994 => "tmpfs",
        0x8584_58f6 => "ramfs",
        0x6969 => "nfs",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "cifs",
        0x0102_1997 => "9p",
        0x00c3_6400 => "ceph",
        0x6573_5546 => "fuse",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn a_file_system_that_forgets_or_is_a_networks_is_told_by_its_name() {
        // What lies on a disk is as good as the disk; `fuseblk` is a disk's, too.
        for kind in [Some("ext4"), Some("xfs"), Some("overlay"), Some("fuseblk"), None] {
            assert_eq!(judge(kind).verdict, Verdict::Ok, "{kind:?}");
        }
        for (kind, verdict, what) in [
            ("nfs4", Verdict::Fix, "nfs4 is a network's"),
            ("cifs", Verdict::Fix, "cifs is a network's"),
            ("9p", Verdict::Fix, "9p is a network's"),
            ("fuse.sshfs", Verdict::Fix, "fuse.sshfs is a network's"),
            ("tmpfs", Verdict::Fix, "tmpfs is in memory"),
            ("fuse.bindfs", Verdict::Look, "fuse.bindfs is as good as"),
            ("virtiofs", Verdict::Look, "virtiofs is as good as"),
        ] {
            let finding = judge(Some(kind));
            assert!(finding.verdict == verdict && finding.what.starts_with(what) && finding.advice.is_some(), "{kind}: {finding:?}");
        }
    }

    #[test]
    fn where_nobody_tells_what_is_mounted_its_number_does() {
        for magic in [0xef53, 0x5846_5342, 0x9123_683e] {
            assert_eq!(judge(numbered(magic)).verdict, Verdict::Ok, "{magic:x}");
        }
        let forgetful = [0x0102_1994, 0x8584_58f6];
        let networks = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400];
        for magic in forgetful.into_iter().chain(networks) {
            let finding = judge(numbered(magic));
            assert!(
                finding.verdict == Verdict::Fix && finding.what.contains("is in memory") == forgetful.contains(&magic),
                "{magic:x}: {finding:?}"
            );
        }
        assert_eq!(judge(numbered(0x6573_5546)).verdict, Verdict::Look);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_mounted_is_found_by_its_device_however_many_fields_come_before() {
        let mounts = "27 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
                      44 27 0:39 / /srv/a\\040b rw,nosuid shared:7 master:2 - fuse.sshfs nas:/srv rw,user_id=0\n";
        assert_eq!(mounted_in(mounts, rustix::fs::makedev(254, 0)), Some("ext4"));
        assert_eq!(mounted_in(mounts, rustix::fs::makedev(0, 39)), Some("fuse.sshfs"));
        assert_eq!(mounted_in(mounts, rustix::fs::makedev(0, 3)), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_itself_is_asked() {
        // Of all that is mounted, only this is the same on every machine (`PROC_SUPER_MAGIC`).
        let proc = Path::new("/proc");
        assert_eq!((mounted(proc).as_deref(), magic(proc)), (Some("proc"), Some(0x9fa0)));
        let nothing = Path::new("/proc/there/is/no/such");
        assert_eq!((mounted(nothing), magic(nothing)), (None, None));
    }
}
