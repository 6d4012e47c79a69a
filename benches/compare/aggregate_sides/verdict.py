"""The table of a run of benches/compare/aggregate, and its musts."""

PLAIN_FROM_PLAYS, BOUNDED_FROM_PLAYS, PLAIN_FROM_COUNTS, OPENDP_FROM_PLAYS = 0.8, 1.0, 5.0, 12.0
PEAK_GIB, OUT_OF_PROPORTION = 1.5, 1.1


def fastest(contestants, kind):
    fit = [c for c in contestants if c.form.startswith(kind) and c.name != "refrain" and c.failure is None]
    return min(fit, key=lambda c: c.median, default=None)


def ours(contestants, form):
    return next((c for c in contestants if c.name == "refrain" and c.form == form and c.failure is None), None)


def table(opened, private):
    heads = f"{'plays':>12}  {'side':10} {'form':28} {'median s':>9} {'least':>8} {'most':>8} {'peak GiB':>9} {'plays/s':>12}"
    lines = [heads + "  time/ours"]
    for size in opened + private:
        base = ours(size["contestants"], "plays")
        lines += [line(size["rows"], c, base) for c in size["contestants"]]
        lines += [f"{'':>12}  {words}" for words in map(agreement, size.get("compared", []))]
        lines += [f"{'':>12}  {words}" for words in map(error, size.get("errors", []))]
    return "\n".join(lines)


def line(rows, c, base):
    start = f"{rows:>12,}  {c.name:10} {c.form:28} "
    if c.failure or not c.seconds:
        return start + f"left out: {c.failure}"
    ratio = f"  {c.median / base.median:9.2f}" if base else ""
    return start + f"{c.median:9.3f} {min(c.seconds):8.3f} {max(c.seconds):8.3f} {c.peak_gib:9.2f} {rows / c.median:12,.0f}{ratio}"


def agreement(told):
    words = f"{'agree' if told['holds'] else 'DISAGREE'}: {told['what']}"
    if "fans_differing" in told:
        words += f" ({told['fans_differing']:,} of {told['fans']:,} fans fall to others by ties)"
    return words


def error(told):
    def off(whose):
        return f"{told[whose + '_error']:.1f} ± {told[whose + '_standard_error']:.1f}"

    return (f"off by {off('our')} fans on average, {told['peer']} {told['form']} by {off('their')}, over the {told['both_give']} "
            f"artists that both give (we {told['we_give']}, they {told['they_give']})")


def musts(opened, private):
    """What must hold, with the value that was measured. What cannot be told, because a side is missing, is missed."""
    judged = []

    def at_least(what, value, least):
        judged.append({"what": what, "value": round(value, 3), "must": f"at least {least}", "holds": value >= least})

    def at_most(what, value, most):
        judged.append({"what": what, "value": round(value, 3), "must": f"at most {most}", "holds": value <= most})

    def times(theirs, mine):
        return theirs.median / mine.median if theirs and mine else 0.0

    for size in opened:
        sides, rows = size["contestants"], f"{size['rows']:,} plays"
        plays, counts = ours(sides, "plays"), ours(sides, "counts")
        plain, bounded = fastest(sides, "plain"), fastest(sides, "bounded")
        at_least(f"{rows}: from the plays, times the fastest plain query", times(plain, plays), PLAIN_FROM_PLAYS)
        at_least(f"{rows}: from the plays, times the fastest bounded query", times(bounded, plays), BOUNDED_FROM_PLAYS)
        at_least(f"{rows}: from the counts, times the fastest plain query", times(plain, counts), PLAIN_FROM_COUNTS)
        for c in filter(None, (plays, counts)):
            at_most(f"{rows}: peak memory from the {c.form}, GiB", c.peak_gib, PEAK_GIB)
    if len(opened) > 1:
        first, last = opened[0], opened[-1]
        for form in ("plays", "counts"):
            one, other = ours(first["contestants"], form), ours(last["contestants"], form)
            most = OUT_OF_PROPORTION * last["rows"] / first["rows"]
            at_most(f"time of {last['rows']:,} to that of {first['rows']:,} from the {form}",
                    other.median / one.median if one and other else float("inf"), round(most, 2))
    for size in private:
        for told in size["errors"]:
            if told["peer"] != "opendp":
                continue
            peer = next(c for c in size["contestants"] if c.name == "opendp" and c.form == told["form"])
            rows = f"{size['rows']:,} plays"
            at_least(f"{rows}: from the plays, times OpenDP", times(peer, ours(size["contestants"], "plays")), OPENDP_FROM_PLAYS)
            chance = 2 * (told["our_standard_error"] ** 2 + told["their_standard_error"] ** 2) ** 0.5
            at_most(f"{rows}: our error less OpenDP's, in fans", told["our_error"] - told["their_error"], round(chance, 2))
    return judged
