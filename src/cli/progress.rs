//! How far something is that takes a while: a bar on standard error, for people at a terminal alone.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::screen::{Format, Screen};

/// A bar. It draws nothing where results are JSON, or standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Of what there is nothing yet.
    pub(super) fn of(what: &'static str, screen: &Screen) -> Self {
        let target = match screen.format() {
            Format::Human => ProgressDrawTarget::stderr(),
            Format::Json => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target).with_message(what);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So much of it is done.
    pub(super) fn is_at(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }

    /// It is done: what comes next stands where the bar was.
    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}
