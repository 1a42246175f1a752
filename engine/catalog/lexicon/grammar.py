"""Words without a look of their own: fillers, and modifiers of neighbouring words.

All are compared as returned by `folded`, phrases too; each row is one language.
"""


def _listed(text: str, phrases: str = "") -> frozenset[str]:
    return frozenset([*text.split(), *(phrase.strip() for phrase in phrases.split(",") if phrase)])


# Neither used nor reported.
STOP_WORDS = _listed(
    """
    a about across all along also among an any are around as at b background be been behind below
    beneath beside between both but by can color colored colors colour coloured colours d de each
    every for from had has have he her here him his i if image in inside into images is it its just
    like look looking looks manner made make me my near of on onto our over photo photograph
    photographed photographs photography photos picture pictures please s she so some style styled t
    than that the their them then there these they this those through to toward towards under up
    upon us very was we were what when where which while who whose will with within you your quite
    really too

    aber alle als am an ans auf aus bei beim bis da damit dann das dem den der des die dies diese
    diesem diesen dieser dieses doch dort du durch ein eine einem einen einer eines er es gegen hier
    hinter ich ihr ihre im in ins ist mein meine mit nach neben nur seine seit sich sie sind so
    um für unser unter vom von vor wenn wie wir wird zu zum zur zwischen farbe farben farbig

    au aux avec c ce ces cet cette chez comme contre dans depuis des dessus du elle elles en entre
    est il ils j je l la le les leur leurs lors m ma mes mon n nos notre nous par pour pres
    qu que qui ses sont sous sur ta tes tout toute toutes tres un une vers vos votre vous couleur
    couleurs

    al ante bajo cada como con contra cual de del desde donde durante el ella ellos en entre esa ese
    eso esta este esto fue ha hacia hasta la las lo los mi mis muy nuestro para pero por que se ser
    sobre su sus te tu tus un una unas uno unos va todo toda todos todas

    と な に を は が の で も へ や 色 画 から まで より ような ように みたいな っぽい 系 いる ある
    する した して いた です 的な 風の 中 上 下 く くて
    4k 8k best detailed hd high highly masterpiece quality resolution uhd ultra
    """,
    """not only, nicht nur, pas seulement, no solo, nothing but, in the manner of, in the style of,
    on top of, in front of, au bord de""",
)

# They exclude what follows, also after `or` and the like.
NEGATIONS = _listed(
    """
    avoid except excluding exclude lacking minus never no none nor not remove without
    ausser kein keine keinem keinen keiner keines nicht nie niemals ohne statt
    aucun aucune jamais ni non pas sans sauf
    excepto ningun ninguna ninguno nunca sin
    """,
    """isn t, aren t, don t, doesn t, wasn t, free of, free from, devoid of, lack of, instead of,
    rather than, other than, anything but, no more, not a, frei von, pas de, pas d, nada de""",
)
ORS = _listed("or oder noch ou o u")
ANDS = _listed("and und et y e と や")
# These also exclude what `and` joins: without clouds and wind.
WIDE = _listed("without ohne sans sin lacking", "free of, free from, devoid of, frei von")
# They exclude what precedes.
NEGATED = _listed(
    "なし 無し ない 無い のない のいない いない がない がいない くない ではない じゃない 抜き"
)
MORE = _listed(
    """
    more much very extremely intensely extra super strongly mehr sehr viel stark besonders
    plus tres beaucoup mas muy mucho もっと とても
    """,
    "a lot of, lots of, full of, beaucoup de",
)
LESS = _listed(
    "less slightly weniger etwas leicht moins legerement menos poco ligeramente 少し ちょっと",
    """a bit, a bit of, a little, a little bit of, a touch of, a hint of, hint of, touch of, a tad,
    a trace of, trace of, ein bisschen, ein wenig, ein hauch, un peu, un peu de, un poco,
    un poco de""",
)

# Words that only look like forms or compounds of known ones.
NO_FORMS = _listed(
    """
    aired airing alas analogy apply armed batted batting bearing bergen berger bernstein bette
    better betts blackmail blackpool blinding boise bombshell booked booking bookings booty bossy
    bowed boxed buffy bugged bully campbell capped capping carry cartridge cartridges checked
    checking christy circa cited cites coached coaches coaching coated coating cody coined combatant
    combatants concerted contracted contracting corning cornish corny countries coupled coupling
    courted courting cries cropped cropping deadline deadlines ditched ditching documented
    documenting dolores dory dubbed ducked ducking dunbar exhausted exhausting facebook faced facing
    fanning fanny fashioned fasting federer fielded fielding fingered fischer fishy fleeting
    flourish footed footing forging fortnight forty framed framing gifted ginny goldberg gotten
    gravely grossed grossing grounded grounding gully handed handing handy hatched hatches hatching
    hawking headed heading headlines henning homing hooked hooking hoped hopefully hoping horny
    housed inning irony jammed jarring kidding laddie lagos landed leave leaving legged leone lined
    lining literally liverpool livery logged logging lower manned manners manning manny many mapped
    marketed marketing marshall mary mats matter medallion milling milly mistrust molestation
    mounted mounting negroes neumann news nosed oliver oss paneled panned parked parker parking
    patched penned petting petty phony pinned pinning pitched pitching plated plating poise policing
    policy polish poly popped popping ported portland portrays potty powered powering prada
    protestant protestants racking rammed redding reddy reeves ringing rosen roster rugged saves
    scaled scaling screened screening screwed screwing sealed sealing seated seating shelled
    shelling shipped shipping shopped signed signing simply skinned skinny slated slippery sluggish
    sonny spaced spacing spelled spelling spied spielberg spies spirited sporting spotless
    springfield spying staffed staffing staged stages staging staked starred starring stationed
    steiner sticking sticky stored storey stories storing story strands suited tanning tapped
    tapping targeted targeting teamed teaming tearing teeny tees tendered texted texting ticked
    ticketing ticking tidy tiers tireless tiring toying tracked tracking trailed trailing trained
    training trolling twinned vents vested virtually walden waldorf wally wander wanderer watched
    watches watching weiner weinstein welles whiting winding wolfe wolfgang zuckerberg
    """
)

# First parts of German compounds without a look, or with this one.
GERMAN_PARTS = {
    "hell": "light", "knall": "vivid", "leucht": "bright", "pastell": "soft", "pech": "",
    "raben": "", "gross": "", "klein": "", "hoch": "", "mittel": "", "haupt": "", "alt": "old",
    "neu": "", "ober": "", "unter": "", "innen": "", "aussen": "", "vorder": "", "hinter": "",
    "nord": "", "sud": "", "ost": "", "west": "", "zitronen": "", "laub": "", "nadel": "",
    "ur": "", "berg": "mountain", "schul": "school", "bauern": "farm", "oliv": "olive",
    "see": "lake", "tal": "valley", "hof": "yard", "platz": "plaza", "bild": "painting",
    "schein": "glow", "glanz": "shine", "farbe": "",
    "flache": "field", "grund": "ground", "beet": "garden", "meister": "", "dunkl": "dark",
}  # fmt: skip
# Endings of English compounds, and their meaning.
ENGLISH_ENDS = {"scape": "landscape", "light": "glow", "like": "", "colored": "", "coloured": ""}
# Lookalikes of those endings: childhood, friendship, scarcity, trafficking.
NO_HEADS = _listed("city hood king ship ships tie ties")
JOINTS = ("", "s", "n", "en", "es", "er", "e")
