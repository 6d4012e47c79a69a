//! One error type for the whole house and ONE table of the codes that callers may rely on.
//!
//! Everything below HTTP returns [`Error`]; it names a [`Code`] from the table, says in words what
//! went wrong and what to do, and may carry an inner cause for the log. At the edge it becomes
//! `application/problem+json` (RFC 9457). Causes never leave the server.
//!
//! Which constructor to use where: [`Error::new`] for everything that the caller can do something
//! about, [`Error::internal`] for what only an operator can, `?` for database and file errors.

use crate::text::ascii_json;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use std::fmt;

/// The result of nearly every function here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! error_table {
    ($($code:ident = $slug:literal, $status:literal, $title:literal;)*) => {
        /// A stable, machine-readable kind of failure. New codes may be added; none changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the titles in the table are the documentation
        pub enum Code { $($code),* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// The name in the `code` member of a problem document.
            pub const fn slug(self) -> &'static str { match self { $(Code::$code => $slug),* } }

            /// The HTTP status code.
            pub const fn status(self) -> u16 { match self { $(Code::$code => $status),* } }

            /// One line for people, the same for every occurrence.
            pub const fn title(self) -> &'static str { match self { $(Code::$code => $title),* } }
        }
    };
}

error_table! {
    // The request itself.
    MalformedRequest      = "malformed-request",       400, "The request cannot be read";
    IdempotencyKeyMissing = "idempotency-key-missing", 400, "This write needs an Idempotency-Key header";
    InvalidCursor         = "invalid-cursor",          400, "The page cursor is not one of ours";
    NotAuthenticated      = "not-authenticated",       401, "No valid access token";
    InvalidCredentials    = "invalid-credentials",     401, "E-mail address or password is wrong";
    InvalidRefreshToken   = "invalid-refresh-token",   401, "The refresh token is no longer valid";
    Forbidden             = "forbidden",               403, "This account may not do that";
    BuyerNotApproved      = "buyer-not-approved",      403, "The organisation is not approved yet";
    EmailNotVerified      = "email-not-verified",      403, "The e-mail address is not verified yet";
    NotInElectorate       = "not-in-electorate",       403, "Not among those who vote on this offer";
    LicenceRevoked        = "licence-revoked",         403, "The licence was revoked";
    LicenceExpired        = "licence-expired",         403, "The licence has expired";
    LinkRefused           = "link-refused",            403, "The link to the file is not valid";
    LinkExpired           = "link-expired",            403, "The link to the file has expired";
    LicenceCancelled      = "licence-cancelled",       403, "The licence was cancelled before it began";
    EditionRecalled       = "edition-recalled",        403, "The edition was recalled";
    NotFound              = "not-found",               404, "There is nothing here";
    MethodNotAllowed      = "method-not-allowed",      405, "This resource has no such method";
    NotAcceptable         = "not-acceptable",          406, "No representation of the kind asked for";
    RequestTimeout        = "request-timeout",         408, "The request took too long";
    UploadTooSlow         = "upload-too-slow",         408, "The upload did not arrive in time";
    // The state of things.
    Conflict              = "conflict",                409, "The state has changed or does not allow this";
    EmailTaken            = "email-taken",             409, "The e-mail address is already in use";
    BudgetExhausted       = "budget-exhausted",        409, "The pool's privacy budget does not allow this";
    VoteClosed            = "vote-closed",             409, "The vote is not open";
    ExclusivelyLicensed   = "exclusively-licensed",    409, "Exclusivity stands between this offer and others";
    CreditLimit           = "credit-limit",            409, "The organisation's credit limit would be exceeded";
    LicencePreparing      = "licence-preparing",       409, "The edition is not drawn yet";
    EmptyElectorate       = "empty-electorate",        409, "Nobody could vote on this offer";
    NotDeliverable        = "not-deliverable",         409, "No edition can be what the listing promises";
    IdempotencyInFlight   = "idempotency-in-flight",   409, "The same request is still being worked on";
    PreconditionFailed    = "precondition-failed",     412, "The resource is no longer what the condition says";
    PayloadTooLarge       = "payload-too-large",       413, "The body is too large";
    UnsupportedMediaType  = "unsupported-media-type",  415, "The body is of a kind that is not read here";
    RangeNotSatisfiable   = "range-not-satisfiable",   416, "The range lies outside the file";
    // What the request says.
    Invalid               = "invalid",                 422, "Something in the request is not valid";
    LinkInvalid           = "link-invalid",            422, "The link from the e-mail is no longer valid";
    IdempotencyKeyReused  = "idempotency-key-reused",  422, "The Idempotency-Key was used for another request";
    PriceBelowFloor       = "price-below-floor",       422, "The price is under the floor";
    PurposeNotOffered     = "purpose-not-offered",     422, "The dataset is not licensed for this purpose";
    NotAZip               = "not-a-zip",               422, "The file is not a zip archive that can be read";
    UnsafeArchive         = "unsafe-archive",          422, "The archive is built in a way that is refused";
    UnreadableHistory     = "unreadable-history",      422, "A history file in the archive cannot be read";
    NothingUsable         = "nothing-usable",          422, "No listening history was found";
    ImplausibleHistory    = "implausible-history",     422, "The history cannot be genuine";
    HistoryRefused        = "history-refused",         422, "The operator did not accept the history";
    UploadInterrupted     = "upload-interrupted",      422, "Reading the upload was interrupted";
    // Limits and failures of the server.
    TooManyRequests       = "too-many-requests",       429, "Too many attempts";
    HeadersTooLarge       = "headers-too-large",       431, "The request's headers are too large";
    Internal              = "internal",                500, "Something went wrong on the server";
    Busy                  = "busy",                    503, "The server is busy";
    StorageFull           = "storage-full",            507, "The server has no room left";
}

/// What went wrong: a [`Code`], words for the caller, and a cause for the log.
#[derive(Debug)]
pub struct Error {
    code: Code,
    detail: String,
    retry_after_s: Option<u32>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    form: Form,
}

/// How a failure is written down for whoever gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A problem document (RFC 9457).
    Problem,
    /// As the protocol of Delta Sharing has it.
    DeltaSharing,
}

impl Error {
    /// A failure that the caller can understand: `detail` says what, where and what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Error { code, detail: detail.into(), retry_after_s: None, cause: None, form: Form::Problem }
    }

    /// A failure that only the operator can mend. The cause is logged, the caller sees none of it.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let detail = "The failure was logged; trying again may help, the request id helps whoever looks into it.";
        Error::new(Code::Internal, detail).because(cause)
    }

    /// Nothing here, or nothing that this caller may know of.
    pub fn not_found(what: &str) -> Self {
        Error::new(Code::NotFound, format!("There is no such {what}, or it is not yours to see."))
    }

    /// A value in the request that is not valid.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Error::new(Code::Invalid, detail)
    }

    /// A step that the present state does not allow.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Error::new(Code::Conflict, detail)
    }

    /// Says when it is worth trying again (`Retry-After`).
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Says it in the form of Delta Sharing, whose clients show people the message.
    pub fn in_delta_sharing(mut self) -> Self {
        self.form = Form::DeltaSharing;
        self
    }

    /// Keeps the cause for the log.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The code from the table.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the caller is told.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The cause, if there is one. For the log only.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// Whether the database asks for the whole transaction to be tried again
    /// (PostgreSQL 40001 serialization_failure, 40P01 deadlock_detected).
    pub fn is_serialization_failure(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        let Some(Diesel::DatabaseError(kind, info)) = self.cause().and_then(|c| c.downcast_ref::<Diesel>()) else {
            return false;
        };
        matches!(kind, DatabaseErrorKind::SerializationFailure) || info.message().contains("deadlock detected")
    }

    /// Whether a UNIQUE constraint of the database said no.
    pub fn is_unique_violation(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        matches!(
            self.cause().and_then(|c| c.downcast_ref::<Diesel>()),
            Some(Diesel::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
        )
    }

    /// The protocol's own word where it has one; else ours, written as it writes them.
    fn delta_sharing_code(&self) -> String {
        match self.code {
            Code::NotFound => "RESOURCE_DOES_NOT_EXIST".into(),
            Code::Invalid => "INVALID_PARAMETER_VALUE".into(),
            Code::Internal => "INTERNAL_ERROR".into(),
            code => code.slug().to_uppercase().replace('-', "_"),
        }
    }

    /// The problem document (RFC 9457) that the caller gets.
    pub fn problem(&self) -> serde_json::Value {
        problem(self.code, &self.detail)
    }
}

/// A problem document (RFC 9457) for a code and words.
pub fn problem(code: Code, detail: &str) -> serde_json::Value {
    serde_json::json!({
        "type": format!("/docs/problems#{}", code.slug()),
        "title": code.title(),
        "status": code.status(),
        "code": code.slug(),
        "detail": detail,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.detail)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|c| c as _)
    }
}

impl From<diesel::result::Error> for Error {
    fn from(cause: diesel::result::Error) -> Self {
        use diesel::result::{DatabaseErrorKind, Error as Diesel};
        match &cause {
            Diesel::NotFound => Error::not_found("thing").because(cause),
            Diesel::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => {
                Error::new(Code::Busy, "The database is not reachable; try again shortly.")
                    .retry_after_s(2)
                    .because(cause)
            }
            Diesel::DatabaseError(_, info) if info.message().contains("disk is full") => {
                Error::new(Code::StorageFull, "The database has no room left; nothing was changed.").because(cause)
            }
            _ => Error::internal(cause),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        match cause.kind() {
            std::io::ErrorKind::StorageFull => {
                Error::new(Code::StorageFull, "The server's disk is full; nothing was changed.").because(cause)
            }
            _ => Error::internal(cause),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(cause: object_store::Error) -> Self {
        match cause {
            object_store::Error::NotFound { .. } => Error::not_found("file").because(cause),
            other => Error::internal(other),
        }
    }
}

impl From<serde_json::Error> for Error {
    /// JSON that we wrote ourselves does not parse: a defect or a damaged row, never the caller's fault.
    fn from(cause: serde_json::Error) -> Self {
        Error::internal(cause)
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        let status = match (self.form, self.code.status()) {
            // The protocol knows few: clients try again by status, and must not for what stays as it is.
            (Form::DeltaSharing, 405..=499) => 400,
            (_, status) => status,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        let body = match self.form {
            Form::Problem => {
                response.content_type("application/problem+json");
                self.problem().to_string()
            }
            Form::DeltaSharing => {
                response.content_type("application/json; charset=utf-8");
                let body = serde_json::json!({"errorCode": self.delta_sharing_code(), "message": self.detail});
                ascii_json(&body).unwrap_or_default() // two texts are JSON
            }
        };
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"refrain\"")));
        }
        if self.code == Code::NotAcceptable {
            // Who accepts something else gets something else (RFC 9110, section 12.5.5).
            response.insert_header((header::VARY, HeaderValue::from_static("Accept")));
        }
        response.body(body)
    }
}
