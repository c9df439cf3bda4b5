//! E-mail over SMTP.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

use super::Occasion;
use super::message::{cut, lines, title};
use super::settings::{self, MailTls};
use super::sink::{SendError, read};
use crate::secret::Secret;

/// How long a step of the conversation may take.
const STEP_WITHIN: Duration = Duration::from_secs(10);
/// How long all of it may take.
const SENT_WITHIN: Duration = Duration::from_secs(60);
const SUBJECT_MAX: usize = 200;

pub struct Email {
    host: String,
    port: u16,
    tls: MailTls,
    user: Option<String>,
    password: Option<Secret>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Email {
    pub fn new(settings: &settings::Email) -> Result<Self, String> {
        let address = |text: &String| -> Result<Mailbox, String> {
            text.parse().map_err(|error| format!("`{text}` is not an e-mail address: {error}"))
        };
        if settings.to.is_empty() {
            return Err("`to` names nobody".to_owned());
        }
        if settings.user.is_some() != settings.password.is_some() {
            return Err("`user` and `password` go together".to_owned());
        }
        let usual = if settings.tls == MailTls::Implicit { 465 } else { 587 };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port.unwrap_or(usual),
            tls: settings.tls,
            user: settings.user.clone(),
            password: settings.password.as_ref().map(Secret::new),
            from: address(&settings.from)?,
            to: settings.to.iter().map(address).collect::<Result<_, _>>()?,
        })
    }

    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        trueup_http::install_tls_provider();
        let transport = self.transport().await?;
        let message = self.message(occasion).map_err(SendError::permanent)?;
        let sent = tokio::time::timeout(SENT_WITHIN, transport.send(message)).await;
        let late = || SendError::passing(format!("{} did not take the mail in time", self.host));
        match sent.map_err(|_| late())? {
            Ok(_) => Ok(()),
            Err(error) => Err(SendError {
                message: crate::run::chain(&error),
                permanent: error.is_permanent(),
                after: None,
            }),
        }
    }

    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, SendError> {
        let parameters = || {
            TlsParameters::new(self.host.clone())
                .map_err(|error| SendError::permanent(crate::run::chain(&error)))
        };
        let tls = match self.tls {
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .timeout(Some(STEP_WITHIN));
        if let (Some(user), Some(password)) = (&self.user, read(self.password.as_ref()).await?) {
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        Ok(builder.build())
    }

    fn message(&self, occasion: &Occasion) -> Result<Message, String> {
        let mut text = lines(occasion).join("\n\n");
        text.push_str(&format!("\n\n-- \nTrueUp, {}\n", occasion.at));
        // A line break in a subject would begin another header; the crate encodes it, and we keep
        // subjects to a line.
        let subject = cut(&title(occasion).replace(['\r', '\n'], " "), SUBJECT_MAX);
        let mut message = Message::builder().from(self.from.clone()).subject(subject);
        for to in &self.to {
            message = message.to(to.clone());
        }
        message.header(ContentType::TEXT_PLAIN).body(text).map_err(|error| error.to_string())
    }
}
