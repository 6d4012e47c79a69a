//! The catalogue as buyers and passers-by read it.

use super::super::catalogue::CatalogueQuery;
use super::*;
use crate::error::Code;
use serde_json::{Value, json};

async fn browse(house: &House, query: CatalogueQuery) -> Result<Value> {
    let url = format!("/v1/datasets?{query:?}");
    let ready = actions::browse(&house.ctx, &house.shelf, &url, query).await?;
    Ok(serde_json::from_slice(&ready.bytes).unwrap())
}

#[actix_web::test]
async fn pages_lead_on_and_facets_count_listings() {
    let house = House::new().await;
    for i in 0..5 {
        let mut new = house.draft(&format!("Listing {i}"));
        if i % 2 == 0 {
            new.purposes.push("academic_research".into());
        }
        let dataset = house.drafted(new).await;
        if i < 4 {
            house.publish(&dataset.id).await.unwrap();
        }
    }
    let asked = |cursor: Option<&Value>| CatalogueQuery {
        limit: Some(3),
        cursor: cursor.map(|cursor| cursor.as_str().unwrap().to_owned()),
        ..CatalogueQuery::default()
    };
    let first = browse(&house, asked(None)).await.unwrap();
    assert_eq!((first["items"].as_array().unwrap().len(), &first["total"]), (3, &json!(4)), "the draft is not in it");
    assert_eq!(first["items"][0]["title"], "Listing 3");
    let second = browse(&house, asked(Some(&first["next_cursor"]))).await.unwrap();
    assert_eq!((second["items"][0]["title"].as_str(), second.get("next_cursor")), (Some("Listing 0"), None));
    let facet = |value: &str, label: &str, n: usize| json!({"value": value, "label": label, "listings": n});
    assert_eq!(first["facets"]["kind"], json!([facet("artist_preference", "artist_preference", 4)]));
    let purposes = [facet("market_research", "market_research", 4), facet("academic_research", "academic_research", 2)];
    assert_eq!(first["facets"]["purpose"], json!(purposes));
    assert_eq!(first["facets"]["pool"], json!([facet(house.pool.as_str(), "Northern Listeners", 4)]));
    let narrow = CatalogueQuery { purpose: Some("academic_research".into()), ..CatalogueQuery::default() };
    let narrowed = browse(&house, narrow.clone()).await.unwrap();
    assert_eq!(
        (&narrowed["total"], &narrowed["facets"]["purpose"]),
        (&json!(2), &json!(purposes)),
        "a facet does not hide its own values"
    );
    assert_eq!(narrowed["facets"]["kind"][0]["listings"], 2);
    let kind = CatalogueQuery { kind: Some("artist_map".into()), ..CatalogueQuery::default() };
    assert_eq!(browse(&house, kind).await.unwrap()["total"], 0);
    let carried = CatalogueQuery { cursor: asked(Some(&first["next_cursor"])).cursor, ..narrow };
    assert_eq!(browse(&house, carried).await.unwrap_err().code(), Code::InvalidCursor);
}

#[actix_web::test]
async fn the_page_of_a_listing_says_everything_before_anything_is_drawn() {
    let house = House::new().await;
    house.members().await;
    let dataset = house.listed("Artists").await;
    let page = house.page(&dataset.id).await;
    assert_eq!(page["pool"]["members"], MEMBERS);
    assert_eq!(page["accuracy"]["members"], MEMBERS);
    assert_eq!(page["price"]["total"], json!({"amount": 540_500, "currency": "USD"}));
    assert_eq!(page["price"]["fee_included"]["amount"], 50_000);
    let note = page["price"]["note"].as_str().unwrap();
    assert!(
        note.contains("10 %") && note.contains("8.1 %") && note.contains("USD 5,405.00") && note.contains("Reverse")
    );
    assert_eq!(page["budget"]["editions_left"], 2);
    assert_eq!(page["licence"]["text"], "The licensee may look at it.");
    assert_eq!(page["contact_email"], "pool@example.org");
    assert_eq!(page["dictionary"].as_array().unwrap().len(), 3);
    assert_eq!(page["provenance"]["consents"].as_array().unwrap().len(), 1, "version 1 does not cover the purpose");
    assert_eq!(
        (&page["editions"], &page["preview"], &page["exclusivity"]["exclusive"]),
        (&json!([]), &Value::Null, &json!(false))
    );
    assert!(!page.to_string().contains("Secret Artist"), "nothing drawn from members");
    for part in [Part::TwinCsv, Part::TwinParquet] {
        let twin = house.part(&dataset.id, part).await.unwrap();
        let text = String::from_utf8_lossy(&twin.bytes);
        assert!(text.contains("Made-up Artist") && !text.contains("Secret Artist"));
        assert!(twin.disposition.is_some());
    }
}

#[actix_web::test]
async fn drafts_and_what_was_taken_out_are_for_those_who_may() {
    let house = House::new().await;
    let draft = house.drafted(house.draft("Draft")).await;
    let gone = house.listed("Gone").await;
    let (edition, offer, organisation) = house.begun(&gone).await;
    house.license(&gone, &edition, &offer, &organisation).await;
    house.unlist(&gone.id).await.unwrap();
    let others = OrganisationId::new(house.ctx.clock.now(), &house.ctx.entropy);
    let everybody = [
        (caller(Role::Operator, None), [true, true]),
        (caller(Role::Buyer, Some(organisation)), [false, true]),
        (caller(Role::Buyer, Some(others)), [false, false]),
        (caller(Role::Member, None), [false, false]),
    ];
    for (caller, expected) in everybody {
        for (dataset, expected) in [&draft, &gone].into_iter().zip(expected) {
            let seen = actions::accessible(&house.ctx, &caller, dataset.id.clone(), Part::Page).await;
            assert_eq!(seen.is_ok(), expected, "{:?} of {}", caller.role, dataset.title);
        }
    }
    for dataset in [&draft, &gone] {
        for part in [Part::Page, Part::Dictionary, Part::Accuracy, Part::TwinCsv, Part::TwinParquet] {
            assert_eq!(house.part(&dataset.id, part).await.unwrap_err().code(), Code::NotFound);
        }
    }
    assert_eq!(browse(&house, CatalogueQuery::default()).await.unwrap()["total"], 0);
}

#[actix_web::test]
async fn etags_stand_as_long_as_the_content_does() {
    let house = House::new().await;
    let dataset = house.listed("Artists").await;
    let first = house.part(&dataset.id, Part::Page).await.unwrap();
    let elsewhere = Catalogue::new(Duration::ZERO);
    let other = actions::listing(&house.ctx, &elsewhere, "/x", dataset.id.clone(), Part::Page).await.unwrap();
    assert_eq!(first.etag, other.etag, "two servers give the same");
    let list = actions::browse(&house.ctx, &house.shelf, "/v1/datasets", CatalogueQuery::default()).await.unwrap();
    house.listed("Another").await;
    assert_eq!(house.part(&dataset.id, Part::Page).await.unwrap().etag, first.etag);
    let longer = actions::browse(&house.ctx, &house.shelf, "/v1/datasets", CatalogueQuery::default()).await.unwrap();
    assert_ne!(list.etag, longer.etag);
    let id = dataset.id.clone();
    let until = house.ctx.clock.now().plus_days(1);
    house.ctx.db.write(move |tx| steps::set_exclusive(tx, &id, Some(until))).await.unwrap();
    assert_eq!(house.page(&dataset.id).await["exclusivity"]["until"], json!(until));
    assert_ne!(house.part(&dataset.id, Part::Page).await.unwrap().etag, first.etag);
}

#[actix_web::test]
async fn what_is_at_hand_is_served_without_asking_until_it_is_time() {
    let house = House::new().await;
    let dataset = house.listed("Artists").await;
    let shelf = Catalogue::new(Duration::from_secs(3_600));
    let read = || actions::listing(&house.ctx, &shelf, "/x", dataset.id.clone(), Part::Page);
    read().await.unwrap();
    read().await.unwrap();
    house.unlist(&dataset.id).await.unwrap();
    assert!(read().await.is_ok(), "the version was asked for a moment ago");
    shelf.forget();
    assert_eq!(read().await.unwrap_err().code(), Code::NotFound);
}
