//! What the campaign says of itself.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::Ordering;

use crate::{Campaign, Options};

impl Campaign {
    pub fn progress(&self, options: &Options) {
        let mut stderr = std::io::stderr();
        if !stderr.is_terminal() {
            return;
        }
        let share = (self.kills.min(options.kills) * 30 / options.kills.max(1))
            .min(self.acknowledged().min(options.writes) * 30 / options.writes.max(1));
        let bar: String = (0..30).map(|at| if at < share { '█' } else { '·' }).collect();
        let _ = write!(stderr, "\r{bar} {} kills, {} writes ", self.kills, self.acknowledged());
        let _ = stderr.flush();
    }

    pub fn report(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
        println!(
            "{} kills ({} of them while starting, {} at rest), {} clean stops, {} acknowledged writes by {} clients, {} refused for the \
             moment, {} answers compared, {} forgeries noticed, {:.0} s",
            self.kills,
            self.kills_at_start,
            self.kills_at_rest,
            self.clean_stops,
            self.acknowledged(),
            self.held.len(),
            self.counts.refused.load(Ordering::SeqCst),
            self.compared,
            self.forgeries,
            self.since.elapsed().as_secs_f64()
        );
        println!(
            "{} entries of the feed compared; {} audit events of administrators read, {} lost: by one kill at most {}, of one client at most {}",
            self.told, self.trail.read, self.trail.lost, self.trail.most_lost.0, self.trail.most_lost.1
        );
    }
}
