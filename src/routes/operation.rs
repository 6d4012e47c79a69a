//! One operation of the API: where it is, who may call it, what it takes, and what it answers.
//!
//! The list in [`super`] is made of these; from it come the server's routes, the 405s with their
//! `Allow`, the OpenAPI document, the page for people, and the walk over every operation in the tests.

use crate::error::Code;
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, Handler, Responder, Route, web};
use std::sync::Arc;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Ref, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, ToSchema};

/// Who may call an operation. The handler's signature enforces it; a test holds the two together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// No token needed.
    Anyone,
    /// Any account.
    Caller,
    /// A buyer.
    Buyer,
    /// A member.
    Member,
    /// An operator.
    Operator,
}

impl Access {
    /// The word that the document and the page show.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Anyone => "anyone",
            Access::Caller => "any account",
            Access::Buyer => "a buyer",
            Access::Member => "a member",
            Access::Operator => "an operator",
        }
    }
}

/// A body, of a request or of an answer.
#[derive(Clone)]
pub struct Body {
    /// Its media type.
    pub media_type: &'static str,
    /// Its shape; `None` for files.
    pub schema: Option<RefOr<Schema>>,
}

/// An answer that is not an error.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: StatusCode,
    /// What it means.
    pub description: &'static str,
    /// What it carries; several where the caller may choose.
    pub bodies: Vec<Body>,
    /// Whether `Location` says where the thing stands that was made.
    pub located: bool,
}

/// One operation. Made by [`get`], [`post`] and so on, and told about by the methods below.
#[derive(Clone)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for its variable parts.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// One line.
    pub summary: &'static str,
    /// More lines, where one does not do.
    pub description: Option<&'static str>,
    /// Bodies that it takes.
    pub bodies: Vec<Body>,
    /// Bytes that its JSON body may have beyond the usual limit.
    pub more_bytes: usize,
    /// What it answers when all goes well.
    pub answers: Vec<Answer>,
    /// Codes beyond those that its shape implies.
    pub errors: Vec<Code>,
    /// Query parameters.
    pub query: Vec<Parameter>,
    /// Whether it takes an `Idempotency-Key`.
    pub idempotent: bool,
    /// The schemas that its bodies refer to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    route: Arc<dyn Fn() -> Route + Send + Sync>,
}

fn operation<F, Args>(method: Method, path: &'static str, access: Access, handler: F) -> Operation
where
    F: Handler<Args> + Send + Sync,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    Operation {
        method,
        path,
        access,
        summary: "",
        description: None,
        bodies: Vec::new(),
        more_bytes: 0,
        answers: Vec::new(),
        errors: Vec::new(),
        query: Vec::new(),
        idempotent: false,
        schemas: Vec::new(),
        route: Arc::new(move || web::route().to(handler.clone())),
    }
}

macro_rules! methods {
    ($($name:ident = $method:ident;)*) => {$(
        #[doc = concat!("An operation with the method ", stringify!($method), ".")]
        pub fn $name<F, Args>(path: &'static str, access: Access, handler: F) -> Operation
        where
            F: Handler<Args> + Send + Sync,
            Args: FromRequest + 'static,
            F::Output: Responder + 'static,
        {
            operation(Method::$method, path, access, handler)
        }
    )*};
}
methods! { get = GET; head = HEAD; post = POST; put = PUT; patch = PATCH; delete = DELETE; }

impl Operation {
    /// The route that actix serves.
    pub fn route(&self) -> Route {
        (self.route)().method(self.method.clone())
    }

    /// A GET answers HEAD as well, without the body (RFC 9110 section 9.3.2).
    pub fn head_route(&self) -> Option<Route> {
        (self.method == Method::GET).then(|| (self.route)().method(Method::HEAD))
    }

    /// What it does, in one line.
    pub fn summary(mut self, line: &'static str) -> Self {
        self.summary = line;
        self
    }

    /// What it does, where one line is not enough.
    pub fn description(mut self, text: &'static str) -> Self {
        self.description = Some(text);
        self
    }

    /// It takes a JSON body.
    pub fn takes<T: ToSchema>(mut self) -> Self {
        let schema = Some(self.refer::<T>());
        self.bodies.push(Body { media_type: "application/json", schema });
        self
    }

    /// Its JSON body may be larger than others, by so many bytes.
    pub fn larger_by(mut self, more_bytes: usize) -> Self {
        self.more_bytes = more_bytes;
        self
    }

    /// It takes a file.
    pub fn takes_file(mut self, media_type: &'static str) -> Self {
        self.bodies.push(Body { media_type, schema: None });
        self
    }

    /// It takes a form with one file.
    pub fn takes_form(mut self) -> Self {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        let file = ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).description(Some(
            "The file: the one part with a file name, whatever it is called. Other fields are left aside.",
        ));
        let form = ObjectBuilder::new().property("file", file).required("file");
        self.bodies.push(Body { media_type: "multipart/form-data", schema: Some(form.into()) });
        self
    }

    /// It takes query parameters.
    pub fn query<T: IntoParams>(mut self) -> Self {
        self.query.extend(T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// It takes an `Idempotency-Key`.
    pub fn once(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// It answers JSON.
    pub fn answers<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let schema = Some(self.refer::<T>());
        self.push_answer(status, description, Some(Body { media_type: "application/json", schema }))
    }

    /// It answers a page of a list. Pages of the same kind have one schema, which generated clients make one type of.
    pub fn answers_page<T: ToSchema>(mut self, description: &'static str) -> Self {
        let (item, name) = (self.refer::<T>(), format!("{}Page", T::name()));
        let cursor = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("Give this as `cursor` to get the next page; missing on the last one."));
        let page = ObjectBuilder::new()
            .property("items", ArrayBuilder::new().items(item).description(Some("The items, at most `limit`.")))
            .required("items")
            .property("next_cursor", cursor);
        self.schemas.push((name.clone(), page.into()));
        let schema = Some(RefOr::Ref(Ref::from_schema_name(name)));
        self.push_answer(200, description, Some(Body { media_type: "application/json", schema }))
    }

    /// It answers a file or a text.
    pub fn answers_file(self, status: u16, description: &'static str, media_type: &'static str) -> Self {
        self.push_answer(status, description, Some(Body { media_type, schema: None }))
    }

    /// It answers without a body.
    pub fn answers_nothing(self, status: u16, description: &'static str) -> Self {
        self.push_answer(status, description, None)
    }

    /// Its last answer says in `Location` where the thing stands that was made.
    pub fn located(mut self) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.located = true;
        }
        self
    }

    /// Its answer has an `ETag`, and who has it already gets 304. Where a GET answers JSON this needs no saying.
    pub fn unchanged(self) -> Self {
        if self.answers.iter().any(|answer| answer.status == StatusCode::NOT_MODIFIED) {
            return self;
        }
        self.answers_nothing(304, "The caller has it already, as `If-None-Match` says.")
    }

    /// Errors beyond those that follow from its shape: 401 where a token is needed and 403 where not every
    /// account will do, 400, 413, 415 and 422 where there is a body, 404 where the path has variable parts,
    /// 405, 408, 500 and 503 always.
    pub fn errors(mut self, codes: &[Code]) -> Self {
        self.errors.extend(codes);
        self
    }

    fn push_answer(mut self, status: u16, description: &'static str, body: Option<Body>) -> Self {
        // The list is written by us and walked by tests: a number that is no status does not get far.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.bodies.extend(body),
            None => {
                let bodies = body.into_iter().collect();
                self.answers.push(Answer { status, description, bodies, located: false });
            }
        }
        // The edge gives every JSON answer to a read its ETag.
        let is_json = |answer: &Answer| answer.bodies.iter().any(|body| body.media_type == "application/json");
        if self.method == Method::GET && self.answers.iter().any(is_json) { self.unchanged() } else { self }
    }

    fn refer<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        T::schemas(&mut self.schemas);
        self.schemas.push((name.clone(), T::schema()));
        RefOr::Ref(Ref::from_schema_name(name))
    }
}
