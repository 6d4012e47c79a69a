"""Tools that read what a listing says about itself."""
import pathlib
import subprocess
import sys
import urllib.request

from programs import say


def check_croissant(buyer, url):
    import mlcroissant

    [listing] = buyer.ask("GET", "/v1/datasets")["items"][:1]
    document = f"{url}/v1/datasets/{listing['id']}/croissant.json"
    program = pathlib.Path(sys.executable).with_name("mlcroissant")
    done = subprocess.run([program, "validate", "--jsonld", document], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    loaded = mlcroissant.Dataset(jsonld=document)
    [name] = [record_set.id for record_set in loaded.metadata.record_sets]
    records = list(loaded.records(record_set=name))
    assert records and f"{name}/artist" in records[0], records[:1]
    say(f"mlcroissant: the document is valid; {len(records)} made-up records of {name}")


def check_licensed_croissant(buyer, licence_id, rows, directory):
    import mlcroissant

    document = directory / "croissant.json"
    document.write_bytes(buyer.fetch("GET", f"/v1/licences/{licence_id}/croissant.json"))
    program = pathlib.Path(sys.executable).with_name("mlcroissant")
    done = subprocess.run([program, "validate", "--jsonld", document], capture_output=True, text=True)
    assert done.returncode == 0 and "warning" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    loaded = mlcroissant.Dataset(jsonld=document)
    name = loaded.metadata.record_sets[0].id
    records = list(loaded.records(record_set=name))
    assert len(records) == len(rows), (len(records), len(rows))
    for record, row in zip(records, rows):
        assert record[f"{name}/artist"].decode() == row["artist"] and record[f"{name}/fans"] == int(row["fans"]), (record, row)
    say(f"mlcroissant: {len(records)} records of the licensed edition by signed links, equal to the CSV file's")


def check_linked_data(buyer, url):
    import rdflib
    from rdflib.namespace import DCAT, RDF

    odrl = rdflib.Namespace("http://www.w3.org/ns/odrl/2/")
    graph = rdflib.Graph().parse(data=buyer.fetch("GET", "/v1/catalogue.jsonld"), format="json-ld")
    [catalogue] = graph.subjects(RDF.type, DCAT.Catalog)
    listings = list(graph.objects(catalogue, DCAT.dataset))
    assert listings and set(graph.subjects(RDF.type, DCAT.Dataset)) == set(listings), listings
    assert all(list(graph.objects(one, DCAT.distribution)) for one in listings)
    page = str(listings[0])
    request = urllib.request.Request(page, headers={"Accept": "application/ld+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        listing = rdflib.Graph().parse(data=answer.read(), format="json-ld")
    [offer] = listing.subjects(RDF.type, odrl.Offer)
    assert [str(uid) for uid in listing.objects(offer, odrl.uid)] == [str(offer)] == [page + "#offer"]
    for kind in (odrl.permission, odrl.prohibition):
        for rule in listing.objects(offer, kind):
            for one in (odrl.target, odrl.action, odrl.assigner):
                assert len(list(listing.objects(rule, one))) == 1, (kind, one)
    [amount] = [operand for constraint, operand in listing.subject_objects(odrl.rightOperand)
                if (constraint, odrl.leftOperand, odrl.payAmount) in listing]
    assert amount.toPython() > 0, amount
    [checksum, *_] = listing.objects(None, rdflib.URIRef("http://spdx.org/rdf/terms#checksumValue"))
    assert len(str(checksum)) == 64, checksum
    say(f"rdflib: {len(graph)} triples about {len(listings)} listing(s); an offer with its rules, from {amount} on")
