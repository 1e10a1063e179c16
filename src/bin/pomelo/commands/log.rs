//! `pomelo log`.

use super::render;
use crate::failure::Failure;
use crate::operator::Operator;
use crate::output::Done;

/// Shows the last lines of a server's log.
pub async fn run(id: &str, lines: usize, operator: &Operator) -> Result<Done, Failure> {
    let admin = operator.connect().await?;
    let lines = admin.log(id, lines).await.map_err(|error| operator.failed(error))?;
    Ok(render(operator, &lines, || lines.iter().map(|line| format!("{line}\n")).collect()).into())
}
