//! Environment variables: those that are read, and those that look as if they were.

use crate::value::spelling::nearest;

/// The variables that something of ours reads, the `pomelo` tool included.
const READ: [&str; 10] = [
    "POMELO_ENV",
    "POMELO_CONFIG",
    "POMELO_CLUSTER_SECRET",
    "POMELO_PASSWORD",
    "POMELO_TYPE",
    "POMELO_ID",
    "POMELO_HOST",
    "POMELO_PORT",
    "POMELO_CLIENT_HOST",
    "POMELO_CLIENT_PORT",
];
/// What pomelo takes the environment from.
const NODE_ENV: &str = "NODE_ENV";

/// A line for each variable that may be a mistake. `named` is the environment, if anything has named it.
pub(super) fn warnings(
    variables: impl Iterator<Item = (String, String)>,
    named: Option<&str>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, value) in variables {
        if name.len() > 6 && name[..name.floor_char_boundary(6)].eq_ignore_ascii_case("pomelo") {
            let meant = nearest(&name, READ);
            warnings.extend(
                meant.map(|meant| format!("the variable {name} is not read; did you mean `{meant}`?")),
            );
        }
        if name == NODE_ENV && named.is_none() && !matches!(value.as_str(), "" | super::builder::DEFAULT_ENV)
        {
            warnings.push(format!(
                "the variable {NODE_ENV} is `{value}` and is not read: servers run in `{}`; POMELO_ENV or --env names another",
                super::builder::DEFAULT_ENV
            ));
        }
    }
    warnings.sort_unstable();
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(variables: &[(&str, &str)], named: Option<&str>) -> Vec<String> {
        warnings(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())), named)
    }

    #[test]
    fn a_variable_that_is_misspelt_is_named_with_what_was_meant() {
        let variables = [
            ("POMELO_EVN", "production"),
            ("pomelo_config", "/etc/game"),
            ("POMELO_CLUSTERSECRET", "s"),
            ("POMELO_ENV", "production"),
            ("POMELO_LOGGER", "off"),
            ("POMELO_GAME", "chess"),
            ("HOME", "/home/ann"),
            ("pömelo", ""),
        ];
        assert_eq!(
            said(&variables, Some("production")),
            [
                "the variable POMELO_CLUSTERSECRET is not read; did you mean `POMELO_CLUSTER_SECRET`?",
                "the variable POMELO_EVN is not read; did you mean `POMELO_ENV`?",
                "the variable pomelo_config is not read; did you mean `POMELO_CONFIG`?",
            ]
        );
    }

    #[test]
    fn node_env_is_said_not_to_be_read_where_nothing_else_names_the_environment() {
        assert_eq!(
            said(&[("NODE_ENV", "production")], None),
            [
                "the variable NODE_ENV is `production` and is not read: servers run in `development`; POMELO_ENV or --env names \
              another"
            ]
        );
        assert_eq!(said(&[("NODE_ENV", "production")], Some("development")), [""; 0]);
        assert_eq!(said(&[("NODE_ENV", "development")], None), [""; 0]);
    }
}
