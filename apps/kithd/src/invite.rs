//! `kithd invite`: a code that lets people register. Works beside a running server.

use kith_home::create_invite;
use kith_store::Embedded;
use kith_wire::id::InviteCode;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::announce::Voice;
use crate::cli::Invite;
use crate::clock::now;
use crate::config::Config;
use crate::data_dir;
use crate::error::AppError;

/// Makes a code and tells it.
///
/// # Errors
/// The data folder or the store cannot be used.
pub(crate) fn run(config: &Config, invite: &Invite, voice: Voice) -> Result<(), AppError> {
    let is_unused = !config.data.exists();
    data_dir::make(&config.data)?;
    let mut store = Embedded::open(&config.data)?;
    let mut code = [0; InviteCode::SIZE];
    SysRng.try_fill_bytes(&mut code).map_err(|_| AppError::NoRandomness)?;
    let code = InviteCode::new(code);
    let expires = now().plus_seconds(invite.expires.seconds());
    create_invite(&mut store, &code, invite.uses, expires)?;
    voice.invite(&code.to_text(), invite.uses, &rfc_3339(expires.seconds()));
    if is_unused {
        // A mistyped folder would give codes that no server knows.
        voice.note(&format!(
            "no home server has used {} before: the code is for the one that will. For another one say --data DIR.",
            config.data.display()
        ));
    }
    Ok(())
}

/// Writes a time in UTC, to the second.
fn rfc_3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, in eras of 400 years: the leap day is the last day of such a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_795_230_000, "2026-11-21T03:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc_3339(seconds), text);
        }
    }
}
