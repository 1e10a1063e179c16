//! The web page, served from here in development. In production any web server can serve `web-server/public`.

use axum::Router;
use pomelo::Result;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

const ADDRESS: &str = "127.0.0.1:3001";
const FILES: &str = "../web-server/public";

/// Serves the page until the process ends.
pub async fn serve() -> Result<()> {
    match TcpListener::bind(ADDRESS).await {
        Ok(listener) => {
            let page = Router::new().fallback_service(ServeDir::new(FILES));
            tokio::spawn(async move { axum::serve(listener, page).await });
            tracing::info!("open http://{ADDRESS}/ and press the button");
        }
        // Another connector of this application may serve it already.
        Err(error) => tracing::warn!(%error, "the page can't have {ADDRESS}"),
    }
    Ok(())
}
