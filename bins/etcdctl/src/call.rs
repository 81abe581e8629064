//! What a command has to work with.

use std::cell::OnceCell;
use std::env;

use client::{Client, Error, Options};
use tokio::runtime::{self, Runtime};

use crate::commands::lease::bad_connection;
use crate::failure::{Exit, Failure};
use crate::flags::Parsed;
use crate::global::Settings;
use crate::go::quote;
use crate::print::{Answer, Printer};

/// A command as it was called. Nothing that is the same for all commands is read, and nobody is
/// connected to, before the command has found nothing wrong with its own arguments.
pub(crate) struct Call {
    pub(crate) flags: Parsed,
    session: OnceCell<Session>,
}

struct Session {
    settings: Settings,
    runtime: Runtime,
    client: Client,
}

impl From<Parsed> for Call {
    fn from(flags: Parsed) -> Self {
        Self { flags, session: OnceCell::new() }
    }
}

impl Call {
    /// The arguments that are no flags.
    pub(crate) fn arguments(&self) -> &[Vec<u8>] {
        &self.flags.arguments
    }

    /// The client that the flags describe.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Ok(self.session()?.client.clone())
    }

    /// What is the same for all commands.
    pub(crate) fn settings(&self) -> Result<&Settings, Failure> {
        Ok(&self.session()?.settings)
    }

    /// A client of one member.
    pub(crate) fn client_at(&self, endpoint: &str) -> Result<Client, Failure> {
        let session = self.session()?;
        let _on_runtime = session.runtime.enter();
        session.client.at(endpoint).map_err(no_client)
    }

    /// Waits for what takes time.
    pub(crate) fn wait<F: Future>(&self, future: F) -> Result<F::Output, Failure> {
        Ok(self.session()?.runtime.block_on(future))
    }

    /// Waits for an answer.
    pub(crate) fn answer<T>(
        &self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        self.wait(future)?.map_err(in_vain)
    }

    /// How to show answers.
    pub(crate) fn printer(&self) -> Result<Printer, Failure> {
        let settings = self.settings()?;
        Ok(Printer { format: settings.format, hex: settings.hex })
    }

    /// Shows an answer.
    pub(crate) fn show(&self, answer: Answer<'_>) -> Result<(), Failure> {
        self.printer()?.show(answer)
    }

    fn session(&self) -> Result<&Session, Failure> {
        if self.session.get().is_none() {
            // Nothing else sets it.
            let session = Session::open(&self.flags)?;
            return Ok(self.session.get_or_init(|| session));
        }
        Ok(self.session.get().expect("it is there"))
    }
}

impl Session {
    fn open(flags: &Parsed) -> Result<Self, Failure> {
        let variables = env::vars_os().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        });
        let settings = Settings::read(flags, variables)?;
        settings.remarks.iter().for_each(|remark| eprintln!("{remark}"));
        if settings.endpoints.is_empty() {
            let message = "etcdclient: no available endpoints";
            return Err(Failure::new(Exit::BadConnection, message));
        }
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Exit::BadConnection, error.to_string()))?;
        let options = Options {
            endpoints: settings.endpoints.clone(),
            tls: settings.tls.clone(),
            connect_timeout: settings.dial_timeout,
            timeout: Some(settings.command_timeout),
            keep_alive_every: settings.keep_alive_every,
            keep_alive_timeout: settings.keep_alive_timeout,
            receive_bytes_max: settings.receive_bytes_max,
            send_bytes_max: settings.send_bytes_max,
        };
        let on_runtime = runtime.enter();
        let client = Client::new(options).map_err(no_client)?;
        drop(on_runtime);
        Ok(Self { settings, runtime, client })
    }
}

/// Why there is no client to work with.
fn no_client(error: Error) -> Failure {
    match error {
        Error::Tls(error) => Failure::arguments(error.to_string()),
        error => bad_connection(error),
    }
}

/// Why there is no answer. If time was up, why that was is logged, as etcd's clients log it but for
/// when and where: else nobody would see that certificates do not fit.
fn in_vain(error: Error) -> Failure {
    let logged = match &error {
        Error::Deadline { last: Some(last) } => Some(format!(
            "{{\"level\":\"warn\",\"logger\":\"etcd-client\",\"msg\":\"retrying of unary invoker \
             failed\",\"error\":{}}}",
            quote(last.to_string().as_bytes())
        )),
        _ => None,
    };
    Failure { logged, ..Failure::from(error) }
}
