//! The code that two devices show: compared by the person, or by a script in their place.

use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use kith_client::Client;

use crate::context::Context;
use crate::failure::Failure;

/// A code as somebody copied it: its digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code(String);

impl FromStr for Code {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = digits(text);
        let is_whole = digits.len() == CODE_DIGITS && text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
        if is_whole { Ok(Self(digits)) } else { Err("a code has twenty digits") }
    }
}

/// Returns the digits of a code that is shown in groups.
pub(crate) fn digits(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).collect()
}

/// Whether two devices show the same code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// They do.
    Same,
    /// The person says that they do not.
    Different,
    /// What a script gave is not the code: perhaps it was copied badly.
    Miscopied,
    /// The other device has ended the link while the question stood there.
    Ended,
}

/// Asks whether `shown` is also on the other device, unless the code that is there was given. `again` is the command that goes on when nobody is
/// there to be asked; `is_over` tells that there is no link any more.
pub(crate) async fn compare(
    given: Option<&Code>,
    shown: &str,
    context: &Context,
    again: &str,
    is_over: impl Fn(&Client) -> bool,
) -> Result<Compared, Failure> {
    if let Some(Code(given)) = given {
        return Ok(if *given == digits(shown) { Compared::Same } else { Compared::Miscopied });
    }
    let mut question = pin!(context.out.ask("Is the same code on the other device? [y/N]"));
    let answer = tokio::select! {
        answer = &mut question => answer,
        // Whoever looks at the question hears at once that there is nothing to answer any more.
        ended = context.client.online_until(COMPARE_PATIENCE, is_over) => match ended {
            Ok(()) => return Ok(Compared::Ended),
            Err(_) => question.await,
        },
    };
    match answer {
        Some(answer) if matches!(answer.to_lowercase().as_str(), "y" | "yes") => Ok(Compared::Same),
        Some(_) => Ok(Compared::Different),
        None => Err(Failure::new(
            "not_confirmed",
            "nobody is there to compare the codes; nothing was linked yet",
            format!("give the code that the other device shows: `{again} --yes --code CODE`"),
        )),
    }
}

/// How long the person may look at the codes: as long as the link lasts.
const COMPARE_PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Digits in a code.
const CODE_DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_twenty_digits_however_they_are_grouped() {
        let code = |text: &str| text.parse::<Code>().map(|code| code.0).ok();
        assert_eq!(code("12345 67890 12345 67890").as_deref(), Some("12345678901234567890"));
        assert_eq!(code("12345678901234567890").as_deref(), Some("12345678901234567890"));
        for bad in ["", "1234567890123456789", "123456789012345678901", "1234567890123456789x0"] {
            assert_eq!(code(bad), None, "{bad:?}");
        }
    }
}
