"""What was agreed, in forms that other programs read and check."""

from programs import refused, say


def check_agreement(buyer, licence_id):
    import rdflib
    from jwcrypto import jwk, jws
    from rdflib.namespace import DCTERMS, ODRL2, RDF, XSD

    path = f"/v1/licences/{licence_id}/agreement"
    graph = rdflib.Graph().parse(data=buyer.fetch("GET", path + ".jsonld"), format="json-ld")
    [agreement] = graph.subjects(RDF.type, ODRL2.Agreement)
    one = lambda subject, part: graph.value(subject, part, any=False)
    assert one(agreement, ODRL2.uid) == agreement and one(agreement, DCTERMS.issued).datatype == XSD.dateTime
    profile = str(one(agreement, ODRL2.profile))
    rules = [rule for kind in (ODRL2.permission, ODRL2.prohibition, ODRL2.obligation) for rule in graph.objects(agreement, kind)]
    for rule in rules:
        # Whoever has to do something is the assignee of that duty: to pay back, the licensor.
        by, to = ODRL2.assigner, ODRL2.assignee
        if one(rule, ODRL2.compensatedParty):
            by, to = to, by
        for part, of in ((ODRL2.target, ODRL2.target), (ODRL2.assigner, by), (ODRL2.assignee, to)):
            assert one(rule, part) == one(agreement, of) is not None, part
        assert one(rule, ODRL2.action) is not None
    # Words are those of the core vocabulary, which rdflib knows, or of the profile, and then explained.
    for word in {node for triple in graph for node in triple if isinstance(node, rdflib.URIRef)}:
        if str(word).startswith(str(ODRL2)):
            assert word in ODRL2, f"{word} is no word of ODRL"
    for word in set(graph.objects(None, ODRL2.action)) | set(graph.objects(None, ODRL2.leftOperand)):
        assert not str(word).startswith(profile) or graph.value(word, rdflib.RDFS.comment), f"{word} is not explained"
    [duty] = graph.objects(None, ODRL2.duty)
    pays = one(one(duty, ODRL2.action), ODRL2.refinement)
    amount = one(pays, ODRL2.rightOperand)
    assert one(pays, ODRL2.leftOperand) == ODRL2.payAmount and amount.datatype == XSD.decimal, amount
    assert one(duty, rdflib.URIRef(profile + "#fulfilledAt")) is not None
    say(f"rdflib: an agreement of {len(rules)} rules, {amount} paid")

    bundle, key = buyer.ask("GET", path + ".json"), buyer.ask("GET", "/v1/signing-key")
    assert buyer.fetch("GET", path + ".jws").decode() == bundle["signature"]
    signed = jws.JWS()
    signed.deserialize(bundle["signature"])
    signed.verify(jwk.JWK(**{name: key[name] for name in ("kty", "crv", "x")}), detached_payload=bundle["statement"].encode())
    assert signed.jose_header == {"alg": "EdDSA", "kid": key["kid"]}, signed.jose_header
    forged = jws.JWS()
    forged.deserialize(bundle["signature"])
    refused("Verification failed", lambda: forged.verify(jwk.JWK(kty="OKP", crv="Ed25519", x=key["x"]), detached_payload=b"{}"))
    say("jwcrypto: the statement of the agreement is signed by the service's key, and another is not")
