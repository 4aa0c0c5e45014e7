//! `kith device rotation`: how often this device replaces its keys.

use std::str::FromStr;

use clap::Args;
use kith_engine::Command;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::times;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kith device rotation\n  kith device rotation daily\n  kith device rotation 12h")]
pub(crate) struct Rotation {
    /// From now on: hourly, daily, weekly, monthly, or a number of hours like 12h; without it, the pace is shown
    #[arg(value_name = "PACE")]
    pub(crate) pace: Option<Pace>,
}

/// Hours between two rotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace(u32);

impl FromStr for Pace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hours = match text {
            "hourly" => Some(1),
            "daily" => Some(24),
            "weekly" => Some(7 * 24),
            "monthly" => Some(MONTH),
            _ => text.strip_suffix('h').and_then(|hours| hours.parse().ok()),
        };
        let hours = hours.filter(|hours| (1..=MONTH).contains(hours));
        hours.map(Self).ok_or("hourly, daily, weekly, monthly, or from 1h to 744h")
    }
}

pub(crate) fn run(args: &Rotation, context: &Context) -> Result<(), Failure> {
    if let Some(Pace(hours)) = args.pace {
        context.client.command(Command::SetKeyRotation { hours })?;
    }
    let hours = context.client.ask(|engine| engine.status(times::now()))?.rotation_hours;
    context.out.data(&json!({"rotation_hours": hours}), || {
        format!("This device replaces its keys {}, towards each of your people at another moment.", words(hours))
    });
    Ok(())
}

/// Says a pace as people do.
pub(crate) fn words(hours: u32) -> String {
    match hours {
        1 => "every hour".to_owned(),
        24 => "every day".to_owned(),
        168 => "every week".to_owned(),
        MONTH => "every month".to_owned(),
        hours if hours.is_multiple_of(24) => format!("every {} days", hours / 24),
        hours => format!("every {hours} hours"),
    }
}

/// Hours in the longest month.
const MONTH: u32 = 31 * 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_a_word_or_a_number_of_hours() {
        let hours = |text: &str| text.parse::<Pace>().map(|pace| pace.0).ok();
        let read = ["hourly", "daily", "weekly", "monthly", "12h", "744h"].map(hours);
        assert_eq!(read, [1, 24, 168, 744, 12, 744].map(Some));
        for bad in ["", "yearly", "0h", "745h", "12", "-1h"] {
            assert_eq!(hours(bad), None, "{bad:?}");
        }
        let said = [1, 24, 168, 744, 48, 12].map(words);
        assert_eq!(said, ["every hour", "every day", "every week", "every month", "every 2 days", "every 12 hours"]);
    }
}
