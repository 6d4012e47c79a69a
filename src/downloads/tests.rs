//! Downloads over HTTP, seen from a client.

use super::{actions, routes};
use crate::accounts::caller::Buyer;
use crate::error::{Code, Error};
use crate::ids::LicenceId;
use crate::offers::model::EditionChoice;
use crate::page::PageQuery;
use crate::purchases::fixture::{House, STOCK_FILE};
use actix_web::body::to_bytes;
use actix_web::http::Method;
use actix_web::test::TestRequest;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, ResponseError};

const NAME: &str = "artists.csv";

async fn licensed(house: &House) -> LicenceId {
    house.stock(3).await;
    let purchase = house.accepted(EditionChoice::Stock).await;
    house.settle(&purchase).await.unwrap();
    house.licence(&purchase.id).await.id
}

/// What a buyer gets who asks for the file with these headers.
async fn ask(house: &House, buyer: &Buyer, id: &LicenceId, method: Method, headers: &[(&str, &str)]) -> HttpResponse {
    let mut request = TestRequest::default().method(method);
    for header in headers {
        request = request.insert_header(*header);
    }
    let (ctx, path) = (Data::new(house.ctx.clone()), Path::from((id.clone(), NAME.to_owned())));
    let answer = routes::file(buyer.clone(), ctx, path, request.to_http_request()).await;
    answer.unwrap_or_else(|refused: Error| refused.error_response())
}

async fn get(house: &House, id: &LicenceId, headers: &[(&str, &str)]) -> HttpResponse {
    ask(house, &house.buyer, id, Method::GET, headers).await
}

fn header(response: &HttpResponse, name: &str) -> String {
    response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
}

async fn bytes(response: HttpResponse) -> Vec<u8> {
    to_bytes(response.into_body()).await.unwrap_or_else(|_| panic!("the body ends well")).to_vec()
}

async fn code(response: HttpResponse) -> String {
    let problem: serde_json::Value = serde_json::from_slice(&bytes(response).await).unwrap();
    problem["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_interrupted_download_goes_on_where_it_stopped() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    let whole = get(&house, &id, &[]).await;
    assert_eq!(whole.status(), 200);
    let (tag, digest) = (header(&whole, "etag"), header(&whole, "repr-digest"));
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    assert_eq!(bytes(whole).await, STOCK_FILE);

    let rest = get(&house, &id, &[("range", "bytes=7-"), ("if-range", &tag)]).await;
    assert_eq!((rest.status().as_u16(), header(&rest, "repr-digest")), (206, digest));
    assert_eq!(header(&rest, "content-range"), format!("bytes 7-{}/{}", STOCK_FILE.len() - 1, STOCK_FILE.len()));
    assert_eq!(bytes(rest).await, &STOCK_FILE[7..]);

    let suffix = get(&house, &id, &[("range", "bytes=-4")]).await;
    assert_eq!(bytes(suffix).await, &STOCK_FILE[STOCK_FILE.len() - 4..]);
    let changed = get(&house, &id, &[("range", "bytes=7-"), ("if-range", "\"another\"")]).await;
    assert_eq!((changed.status().as_u16(), bytes(changed).await), (200, STOCK_FILE.to_vec()));
}

#[tokio::test]
async fn conditions_and_ranges_that_cannot_be_met_say_so() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    let tag = header(&get(&house, &id, &[]).await, "etag");
    assert_eq!(get(&house, &id, &[("if-none-match", &tag)]).await.status(), 304);
    assert_eq!(get(&house, &id, &[("if-match", "\"another\"")]).await.status(), 412);
    for range in ["bytes=1000000-", "bytes=-0"] {
        let outside = get(&house, &id, &[("range", range)]).await;
        assert_eq!(header(&outside, "content-range"), format!("bytes */{}", STOCK_FILE.len()));
        assert_eq!((outside.status().as_u16(), code(outside).await.as_str()), (416, "range-not-satisfiable"));
    }
    let many = get(&house, &id, &[("range", "bytes=0-1,3-4,6-7")]).await;
    assert_eq!((many.status().as_u16(), bytes(many).await), (200, STOCK_FILE.to_vec()));
}

#[tokio::test]
async fn a_head_tells_everything_but_the_content() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    let head = ask(&house, &house.buyer, &id, Method::HEAD, &[("range", "bytes=0-1")]).await;
    assert_eq!(head.status(), 200, "a range means nothing without content");
    assert_eq!(header(&head, "content-disposition"), "attachment; filename=\"artists.csv\"");
    assert_eq!(header(&head, "content-type"), "text/csv");
    use actix_web::body::{BodySize, MessageBody};
    assert_eq!(head.body().size(), BodySize::Sized(STOCK_FILE.len() as u64));
}

#[tokio::test]
async fn a_licence_is_its_holders_alone_and_only_while_it_lasts() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    let stranger = house.stranger().await;
    let other = ask(&house, &stranger, &id, Method::GET, &[]).await;
    assert_eq!((other.status().as_u16(), code(other).await.as_str()), (404, "not-found"));
    let listed = actions::files(&house.ctx, &stranger, id.clone()).await.map(|files| files.len());
    assert_eq!(listed.unwrap_err().code(), Code::NotFound);
    house.ctx.clock.advance_s(365 * 86_400).unwrap();
    let late = get(&house, &id, &[]).await;
    assert_eq!((late.status().as_u16(), code(late).await.as_str()), (403, "licence-expired"));
}

#[tokio::test]
async fn before_the_draw_there_is_nothing_to_download() {
    let house = House::new(3).await;
    let purchase = house.accepted(EditionChoice::Next).await;
    house.settle(&purchase).await.unwrap();
    let id = house.licence(&purchase.id).await.id;
    let early = get(&house, &id, &[]).await;
    assert_eq!((early.status().as_u16(), code(early).await.as_str()), (409, "licence-preparing"));
}

#[tokio::test]
async fn a_file_that_is_gone_is_the_servers_fault_and_says_nothing_of_the_inside() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    house.ctx.storage.delete("editions/stock.csv").await.unwrap();
    let lost = actions::open(&house.ctx, &house.buyer, id, NAME.into(), super::conditions::Asked::default(), false);
    let Err(lost) = lost.await else { panic!("the file is gone") };
    assert_eq!(lost.code(), Code::Internal);
    assert!(!lost.detail().contains("stock.csv"), "{}", lost.detail());
    let cause = lost.cause().unwrap().to_string();
    assert!(cause.contains("editions/stock.csv") && cause.contains("restore it from a backup"), "{cause}");
}

#[tokio::test]
async fn every_access_is_in_the_log() {
    let house = House::new(3).await;
    let id = licensed(&house).await;
    let stranger = house.stranger().await;
    ask(&house, &stranger, &id, Method::GET, &[]).await;
    for headers in [&[][..], &[("range", "bytes=0-9")], &[("range", "bytes=9000-")], &[("if-match", "\"x\"")]] {
        house.ctx.clock.advance_s(1).unwrap();
        get(&house, &id, headers).await;
    }
    house.ctx.clock.advance_s(366 * 86_400).unwrap();
    get(&house, &id, &[]).await;
    let window = house.ctx.cursors.window(&PageQuery::default(), "log").unwrap();
    let log = actions::accesses(&house.ctx, &house.operator_caller(), id.clone(), &window).await.unwrap();
    let rows: Vec<_> = log.iter().map(|a| (a.status, a.size_bytes, a.range_asked.as_deref())).collect();
    let length = i64::try_from(STOCK_FILE.len()).unwrap();
    assert_eq!(
        rows,
        [
            (403, 0, None),
            (412, 0, None),
            (416, 0, Some("bytes=9000-")),
            (206, 10, Some("bytes=0-9")),
            (200, length, None)
        ]
    );
    let refused = actions::accesses(&house.ctx, &house.caller(&stranger), id, &window).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
}
