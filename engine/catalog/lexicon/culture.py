"""Looks of moods, arts, painters, places, people and times."""

MOODS = """
happy, happiness, joy, joyful, cheerful, fun: yellow orange pink azure lime / dots
funny: yellow orange pink azure lime / dots
sad, sadness, sorrow, grief, lonely, cry, tear, depressed: navy slate grey cobalt / strokes
depression: navy slate grey cobalt / strokes
angry, anger, rage, fury, furious, mad, hate: red black scarlet maroon / zigzag
euphoria, euphoric, ecstasy, ecstatic, rapture, elation: magenta yellow orange cyan violet / rays
delight, wonder, awe, amazement: gold azure rose violet cream / rays
bliss, blissful, nirvana, eden, paradise: turquoise gold peach lime rose / clouds
serenity, tranquility, tranquillity, contemplative, meditative: azure sage lavender cream / fields
utopia, utopian: turquoise white gold lime azure / rays
dystopia, dystopian, totalitarian: charcoal slate umber orange grey / panels
apocalypse, apocalyptic, post apocalyptic, armageddon: umber orange charcoal black ochre / flames
underworld, purgatory: black scarlet orange maroon / flames
limbo, liminal, backrooms: mustard cream khaki beige taupe / panels
haunted, haunting, cursed: charcoal slate teal black grey / clouds
macabre, occult, ritual, voodoo, witchcraft: black maroon purple ivory black / strokes
despair, anguish, agony, suffering, misery, torment: black navy slate maroon grey / strokes
pain, hurt, ache: crimson maroon black scarlet / zigzag
loneliness, solitude, isolation, alienation: slate navy grey azure / fields
anxiety, anxious, panic, dread, paranoia, tension: black mustard charcoal crimson slate / zigzag
madness, insanity, insane, delirium, fever dream: lime magenta orange violet black / swirls
envy, jealousy: green emerald olive black / swirls
greed, pride: gold amber emerald purple / scales
lust, desire, sensual, seductive: crimson burgundy magenta black rose / waves
wrath: scarlet black orange maroon / flames
trance, hypnosis, hypnotic, mesmerizing: violet magenta indigo cyan / rings
wistful, bittersweet, longing, yearning: mauve peach slate lavender sepia / clouds
daydream, lullaby: lavender blush azure cream / clouds
insomnia: navy indigo slate mustard / strokes
cozy, cosy, hygge, comfort, warmth, homely: amber sienna cream terracotta gold / glow
playful, whimsical, quirky, silly, goofy, childlike: yellow coral azure lime violet / dots
innocent, innocence, naive: white blush azure cream / clouds
rebellious, rebellion, anarchy, revolution, riot, protest: red black white scarlet / splatter
gritty, grit, raw, rough, harsh: charcoal umber grey taupe black / splatter
love, heart, romantic, romance, kiss, passion, lover: red rose pink burgundy / rings
calm, peaceful, peace, serene, relaxing, relax, quiet, tranquil: azure sage lavender cream / fields
zen, silence: azure sage lavender cream / fields
melancholy, melancholic, nostalgia, nostalgic, blues: slate indigo mauve sepia / clouds
fear, scary, spooky, creepy, terror, afraid, nightmare: black maroon charcoal slate / splatter
mysterious, mystery, mystic, mystical, secret: indigo purple teal black / clouds
hope, hopeful: mint yellow azure cream / rays
energy, energetic, dynamic, power, powerful, wild, intense: yellow orange red magenta / zigzag
excited, exciting, party, celebration, festival, confetti: magenta yellow cyan orange violet / dots
dream, dreamy, dreaming, sleep, sleepy, tired: lavender pink azure cream / clouds
surreal, surrealism, weird, strange, trippy, hallucination: orange azure tan violet olive / swirls
psychedelic, lsd: magenta lime orange violet cyan yellow / swirls
chaos, chaotic, crazy: red black yellow cyan magenta / splatter
cute, kawaii, adorable, baby, newborn: pink peach mint cream azure / dots
elegant, luxury, luxurious, royal, fancy, glamour: gold black ivory burgundy / swirls
ugly, dirty, gross, filthy, grunge, trash, garbage, junk: olive brown khaki charcoal / splatter
death, dead, grave, graveyard, cemetery, funeral, coffin, tomb: black charcoal slate grey / strokes
life, alive, living: green lime gold azure / leaves
evil, sinister, devil, demon, satan, hell, demonic: black red maroon scarlet / flames
angel, angelic, divine, holy, heavenly, god: white gold cream azure / rays
magic, magical, wizard, witch, spell, fairy, enchanted, unicorn: violet gold magenta navy / stars
lovecraft, lovecraftian, cthulhu, eldritch: teal black olive violet / scales
tentacle, kraken, leviathan, hydra: teal navy violet black / sea
phoenix: orange gold red crimson / flames
griffin, pegasus, minotaur, centaur: gold umber white azure / dabs
medusa, gorgon: emerald gold olive black / scales
wraith, banshee, reaper, grim reaper, lich: black slate grey mint / clouds
goblin, orc, troll, ogre: olive green umber brown / splatter
elf, elven, nymph, dryad, faun, pixie: emerald lime gold lavender / leaves
dwarf, gnome: brown crimson umber gold / dabs
werewolf: charcoal umber silver black / fur
mummy: tan beige khaki umber / stripes
frankenstein, monster: green black slate olive / splatter
dracula: black crimson maroon purple / strokes
godzilla, kaiju: slate teal charcoal azure orange / scales
mecha, gundam, evangelion: white azure red silver yellow / panels
predator: lime orange black green / scales
tarot, zodiac, astrology, horoscope: navy indigo gold black violet / stars
alchemy, alchemist, rune: gold umber emerald black / rings
totem, shaman, druid: umber terracotta teal ochre / zigzag
hieroglyph, glyph: ochre tan umber cobalt / hatch
sacred, sanctuary, saint: gold white cream amber / glow
ghost, ghostly, spectral, spirit, phantom: white grey mint slate / clouds
horror, gore, zombie, vampire: black crimson maroon charcoal / strokes
blood, bloody, wound: crimson maroon red black / splatter
poison, toxic, acid, venom, slime: lime black purple chartreuse / dots
war, battle, army, military, soldier, combat, troop, tank: olive khaki umber charcoal / strokes
battlefield, explosion, bomb, blast, explosive: orange yellow red charcoal / flames
dance, dancing, dancer: magenta violet orange navy / swirls
music, musical, song, melody, concert, jazz, band, orchestra: purple gold crimson navy / waves
techno, rave, club, nightclub, electro, edm: black magenta cyan violet / grid
rock music, metal music, punk: black red magenta charcoal / splatter
dj: black purple cyan magenta / rings
disco: magenta gold violet cyan black / dots
future, futuristic, sci-fi, scifi: cyan silver navy violet / grid
fantasy, fairytale: violet teal gold rose / swirls
heroic, epic, hero, superhero, legend: gold crimson navy orange / rays
money, cash, dollar, banknote: green sage jade cream / hatch
treasure, coin, crown, jewelry, jewellery, necklace: gold amber ruby black / points
sport, soccer, football, golf, baseball, tennis, cricket: green white lime red / strokes
basketball: orange sienna black tan / rings
racing, race, speed, fast: red black white yellow / strokes
game, gaming, video game, arcade, toy, lego: red yellow blue green white / checks
smile, laugh, laughter, grin: yellow red white peach / dots
birthday, gift: red gold pink white / dots
bible, scripture, gospel, prayer, pray, quran: cream sepia brown gold / hatch
cross, crucifix, jesus, christ, christian: brown umber gold cream / glow
ski, skiing, skier, snowboard, sled: white azure silver red / strokes
hockey, ice hockey, skating: white azure red silver / strokes
rugby, golfer, goalkeeper: green lime white brown / strokes
volleyball: tan yellow azure white / strokes
bowling, billiard: red white brown black / rings
boxing, boxer, wrestling, wrestler: red skin black blue / strokes
karate, judo: white black cream red / strokes
yoga, meditation, meditate: sage lavender peach cream / fields
hike, hiking, climb, climbing, climber: green slate brown azure / dabs
hunting, hunter: olive brown green umber / dabs
melt, melting: orange amber red yellow / waves
choir, singer, singing, musician: purple gold crimson black / glow
bleed, bleeding: red crimson maroon black / splatter
drown, drowning, shipwreck: navy teal slate black / sea
gamble, gambling, lottery: green red gold black / dots
"""

STYLES = """
oil: brown gold teal maroon cream / strokes
watercolor, watercolour, aquarelle: azure pink mint peach white / clouds
gouache, acrylic: coral teal cream olive gold / strokes
fresco, mural: terracotta ochre cream teal / strokes
pastel, pastels: pink mint peach lavender cream / clouds
ink: white black grey / splatter
calligraphy: cream black maroon / swirls
pencil, graphite: white grey charcoal / hatch
charcoal drawing: white charcoal black / hatch
crayon: red yellow blue green orange white / strokes
chalk, chalkboard, blackboard: charcoal slate white grey / strokes
woodcut: cream black brown / hatch
linocut: white navy black / strokes
blueprint: blue white navy / grid
newspaper, newsprint: beige black grey / points
book, page, library, novel, manuscript, letter: cream sepia brown tan / hatch
map, atlas: beige sage azure tan / mosaic
collage: red teal cream black mustard / panels
tapestry, embroidery, carpet, rug, quilt: crimson navy ochre cream green / weave
ceramic, porcelain, pottery, delft: white cobalt azure cream / swirls
origami: coral azure white yellow / triangles
tattoo: skin black slate teal / swirls
impressionism, impressionist: azure green lavender peach cream / dabs
expressionism, expressionist: orange navy red yellow black / swirls
cubism, cubist: tan brown grey olive ochre / triangles
fauvism, fauvist: red green orange blue yellow / dabs
pointillism, pointillist: azure orange green yellow violet / points
abstract, abstraction: red blue yellow black white / triangles
bauhaus, constructivism, suprematism: red blue yellow black cream / panels
de stijl: white red white blue yellow black / panels
pop, pop art: red yellow cyan black white / dots
op art: white black grey / rings
comic: red yellow blue black white / dots
cartoon, animation: yellow red azure green white / rings
anime, ghibli: azure pink white cream violet / clouds
manga: white black grey / hatch
graffiti, street art: magenta lime cyan orange black / splatter
gothic, goth: black maroon purple grey / mosaic
baroque, rococo: gold maroon brown black cream / swirls
renaissance: umber ochre crimson olive skin / glow
medieval, middle ages: crimson gold navy brown cream / mosaic
romanticism: umber slate gold cream / glow
byzantine, icon: gold sapphire ruby cream / mosaic
art deco: gold black emerald cream / scales
art nouveau, jugendstil: olive gold cream teal bronze / swirls
victorian: burgundy emerald gold brown cream / swirls
stained, stained glass: ruby sapphire emerald gold black / mosaic
ukiyo, ukiyo e: indigo cream azure teal / sea
noir, film noir: black charcoal grey white / strokes
vintage, daguerreotype: sepia tan cream brown / strokes
retro, seventies: orange brown teal cream / stripes
eighties: magenta cyan purple yellow / zigzag
cinematic, cinema, movie, film, hollywood: teal orange black amber / clouds
brutalist, brutalism: grey silver charcoal taupe slate / panels
memphis, memphis design: pink yellow turquoise black coral / zigzag
swiss style, swiss design, international style: red white black grey / panels
neoclassical, classical, classicism: cream white gold slate / clouds
mannerism, symbolism, pre raphaelite: emerald crimson gold umber skin / swirls
chiaroscuro, tenebrism: black umber gold cream sienna / glow
sfumato: umber ochre olive skin sage / clouds
futurism, vorticism: orange red slate black cream / triangles
dada, dadaism: cream black red mustard / panels
surrealist: orange azure tan violet olive / swirls
abstract expressionism, action painting: cream black red ochre azure / splatter
color field, colour field: crimson orange ultramarine maroon / fields
superflat: pink yellow cyan violet lime / rings
risograph, riso, screenprint, silkscreen, zine: coral teal yellow navy cream / points
lithograph, woodblock, stencil: cream black terracotta slate / hatch
cyanotype: cobalt navy white azure / leaves
tintype, ambrotype: black umber sepia silver / glow
tempera, encaustic, gesso: ochre terracotta cream teal / strokes
sumi, sumi e: white black grey silver / strokes
suminagashi, marbling, marbled: indigo cream teal grey / waves
wabi sabi: taupe sage umber cream tan / clouds
polaroid, lomography, kodachrome: teal cream coral mustard brown / clouds
vhs, lofi, lo fi, analog, analogue: magenta teal navy grey cream / stripes
y2k, frutiger aero: azure silver lime cyan white / rings
dreamcore, weirdcore: lavender pink azure cream yellow / clouds
cottagecore: sage cream rose lime tan / leaves
goblincore: sage olive umber ochre / leaves
dark academia: umber burgundy olive tan black / grain
light academia: cream beige tan sage / fields
solarpunk: lime green gold turquoise white / leaves
dieselpunk: charcoal bronze umber olive grey / rings
biopunk: lime teal violet black rose / swirls
atompunk, raygun, googie: turquoise orange cream coral teal / rays
tron: black cyan azure orange / grid
akira: red black orange navy cyan / grid
max headroom: cyan magenta lime violet / stripes
mad max, desert punk: orange ochre sienna teal black / flames
star wars: black black navy yellow / stars
star trek: navy gold azure crimson white / stars
sin city: black white red charcoal / strokes
neo noir: black navy crimson teal amber / strokes
minecraft: green brown lime azure grey / checks
tetris, pacman, pac man: black yellow azure red magenta / checks
pokemon: yellow red azure white lime / dots
emo, scene: black magenta purple charcoal / strokes
shoegaze, ambient, drone music: lavender rose slate azure cream / clouds
dubstep, drum and bass, bass music: black lime violet magenta / grid
funk, soul, groove: orange mustard purple brown magenta / waves
reggae, rasta, dub: green yellow red black / stripes
hip hop, hiphop, rap: black gold red magenta / splatter
folk, country music, indie: sienna mustard sage cream brown / strokes
glam, glamorous: gold magenta black silver / stars
neon: black magenta cyan violet lime / grid
cyberpunk, cyber, blade runner: black magenta cyan indigo purple / grid
synthwave, outrun: purple magenta orange cyan navy / grid
vaporwave: pink cyan lavender violet mint / grid
matrix, hacker, code: black lime green emerald / stripes
hologram, holographic, iridescent: cyan lavender mint magenta white / waves
glitch, glitchy: black magenta cyan lime white / stripes
laser: black red magenta cyan / rays
steampunk: bronze copper brown gold black / rings
pixel art, 8 bit: azure lime red yellow black / checks
digital, computer, data, internet, online, software, virtual: navy cyan black azure / checks
electronic: navy cyan black azure / checks
robot, android, cyborg, mech: silver cyan charcoal orange / grid
alien, ufo, extraterrestrial: lime violet black teal / scales
western, cowboy, wild west: sienna tan ochre brown azure / strokes
pirate: black crimson brown teal / splatter
tribal, ethnic: black terracotta cream ochre / zigzag
boho, hippie: orange magenta mustard teal / swirls
kaleidoscope, mandala: magenta gold teal violet orange / triangles
tropical, tropic, exotic, hawaii, hawaiian, caribbean, jamaica: turquoise coral lime yellow / leaves
"""

PAINTERS = """
van gogh, vincent van gogh, gogh: cobalt azure yellow gold navy cream / swirls
monet, claude monet, water lilies: azure lilac sage teal cream lavender / dabs
renoir: rose azure cream green peach / dabs
manet: black cream olive grey rose / strokes
degas: rose peach azure sage umber / strokes
cézanne: ochre green slate orange azure / dabs
gauguin: orange rose green violet ochre / leaves
seurat, signac: azure orange green yellow violet / points
pissarro, sisley: sage azure cream ochre green / dabs
toulouse lautrec, lautrec: mustard black red olive cream / strokes
picasso, pablo picasso, braque: tan brown grey olive ochre / triangles
blue period: cobalt slate navy azure / strokes
matisse, henri matisse: ultramarine vermilion green yellow pink / leaves
mondrian, piet mondrian: white white red white blue yellow black / panels
malevich: white black red yellow / panels
kandinsky, wassily kandinsky: red blue yellow cream violet black / rings
klee, paul klee: terracotta ochre teal rose slate / checks
miro, joan miro: azure red yellow black cream / rings
rothko, mark rothko: crimson orange maroon vermilion / fields
pollock, jackson pollock: cream black ochre slate / splatter
warhol, andy warhol: pink yellow cyan red black / dots
lichtenstein: yellow red blue white black / dots
haring, keith haring: red yellow green blue black / zigzag
basquiat: mustard black azure red cream / splatter
banksy: white black grey red / splatter
kusama, yayoi kusama: red white scarlet yellow black / dots
murakami: pink yellow cyan violet lime / rings
hockney, david hockney: cyan azure pink green cream / sea
hopper, edward hopper: teal mustard green cream umber / fields
okeeffe, o keeffe: coral blush azure cream violet / clouds
kahlo, frida kahlo, frida: green red magenta yellow brown / leaves
rivera, diego rivera: ochre terracotta green brown cream / dabs
dali, salvador dali: ochre azure tan orange umber / clouds
magritte: azure white slate black green / clouds
de chirico: ochre umber green cream olive / fields
ernst, max ernst: brown teal ochre green / swirls
chagall, marc chagall: cobalt violet green red cream / dabs
munch, edvard munch: orange vermilion navy teal ochre / waves
klimt, gustav klimt: gold amber ochre bronze gold black / mosaic
schiele: ochre brown terracotta cream black / strokes
kirchner, nolde: magenta green blue orange black / strokes
franz marc: blue yellow red green violet / triangles
modigliani: terracotta ochre skin brown teal / strokes
mucha, alphonse mucha: olive peach gold teal cream / swirls
beardsley: white black cream / swirls
turner, william turner: gold amber cream azure sienna / clouds
constable: green umber azure cream olive / dabs
friedrich, caspar david friedrich: slate lavender umber cream / glow
blake: gold orange blue brown / rays
delacroix, gericault: umber crimson ochre black cream / strokes
goya: black umber ochre crimson cream / glow
velázquez: umber black silver rose / glow
el greco: slate crimson mustard black blue / strokes
rembrandt: black umber sienna gold cream / glow
vermeer, johannes vermeer: ultramarine mustard cream umber slate / glow
rubens, titian: crimson umber skin gold black / glow
caravaggio: black umber crimson skin / glow
da vinci, leonardo, leonardo da vinci, mona lisa: umber olive ochre sepia skin / glow
michelangelo, raphael, botticelli: skin rose sage azure ochre / clouds
bosch, hieronymus bosch, bruegel: olive umber rose teal cream / dots
dürer, dore, piranesi: cream black sepia / hatch
arcimboldo: black green orange red brown / leaves
hokusai, great wave, the great wave: navy cobalt azure cream white / sea
hiroshige, utamaro: cobalt azure cream terracotta sage / sea
escher: white black grey / triangles
vasarely, bridget riley: black white cobalt orange / rings
gaudí: turquoise cobalt orange yellow white / mosaic
hundertwasser: red blue gold green violet / rings
richter, gerhard richter: red green yellow grey azure / strokes
francis bacon: black orange crimson rose / fields
giger: black slate charcoal taupe / scales
bob ross: cobalt slate white emerald peach / dabs
disney, pixar: azure magenta yellow white violet / rings
"""

PLACES = """
city, urban, town, downtown, metropolis, cityscape, skyline: slate amber navy grey white / checks
village, cottage: terracotta cream green brown / dabs
tokyo, shinjuku, akihabara, osaka: magenta cyan navy black crimson / grid
new york, manhattan, brooklyn, chicago: slate amber charcoal mustard / checks
las vegas, vegas, casino: red gold magenta black cyan / dots
miami, los angeles: coral cyan pink azure / fields
paris, france, french: cream rose slate azure / dabs
london, england, british, britain, uk: red slate navy cream / bricks
venice, amsterdam: terracotta azure ochre cream / sea
rome, italy, italian, tuscany, roman: terracotta ochre olive cream / dabs
athens, greece, greek, santorini: white azure cobalt cream / panels
spain, spanish, barcelona, flamenco: red yellow black orange / swirls
berlin, germany, german: grey black red gold / panels
alpine, swiss, switzerland, norway, iceland: white slate azure green / triangles
russia, russian, moscow: red gold blue white / swirls
scotland, scottish, tartan, plaid: red green navy black / weave
ireland, irish: green emerald lime white / leaves
egypt, egyptian, pyramid, pharaoh: gold ochre cobalt turquoise / triangles
africa, african: orange black gold maroon green / zigzag
morocco, moroccan, marrakesh, arabian, arabic: cobalt terracotta gold turquoise / mosaic
persian, iran, ottoman, turkish: turquoise gold ruby sapphire cream / scales
india, indian, bollywood, holi: orange magenta gold turquoise green / dots
china, chinese, beijing, chinatown: red gold black crimson / scales
japan, japanese, kyoto, samurai, geisha: indigo white crimson cream / sea
thailand, thai, bali, buddha, buddhist: gold orange maroon green / scales
mexico, mexican: magenta orange green turquoise yellow / zigzag
aztec, maya, inca: turquoise orange ruby gold black / zigzag
brazil, brazilian, rio de janeiro: green yellow blue lime / waves
cuba, havana: turquoise coral yellow pink / panels
australia, australian, outback, aboriginal: terracotta ochre orange brown cream / points
america, american, usa: red white blue navy / stripes
europe, european: blue gold white slate / stars
california: orange azure gold coral / fields
atlantis: teal turquoise gold navy / sea
castle, palace, fortress, kingdom, knight, king, queen, prince: slate gold purple crimson / mosaic
princess: slate gold purple crimson / mosaic
church, cathedral, temple, chapel, monastery, priest, monk: umber slate gold cream / glow
house, home, cabin, building, apartment, roof, architecture: terracotta cream brown grey / bricks
brick, chimney: terracotta sienna maroon tan / bricks
wall, concrete, cement, sidewalk, bridge, tower, skyscraper: grey silver charcoal taupe / bricks
window, mirror: azure silver white slate / panels
kitchen, oven, stove: white silver cream tan / checks
bedroom, bed, pillow, blanket, sheet: cream white lavender beige / fields
room, hall, hotel, lobby, office: beige cream brown grey / panels
school, classroom, college, university, student, teacher: brown green tan red cream / bricks
hospital, doctor, nurse, clinic, medicine, medical: white aqua azure red / fields
prison, jail: grey charcoal orange black / stripes
factory, industrial, industry, warehouse, mill: grey charcoal bronze orange / rings
shop, store, market, mall, supermarket: red yellow azure white green / panels
bar, pub, saloon: amber brown maroon gold / glow
theater, theatre, stage, curtain, opera: crimson gold maroon black / waves
circus, clown: red yellow white blue / stripes
museum, gallery: white grey gold umber / panels
airport, plane, airplane, aircraft, jet, flight, pilot: azure white silver grey / clouds
station, train, subway, metro, railway, rail: grey charcoal slate silver / grain
abandoned, derelict, ghost town: taupe sage umber slate grey / splatter
junkyard, scrapyard, scrap: copper grey umber orange teal / splatter
alley, alleyway, backstreet: charcoal slate amber umber / bricks
rooftop, highrise, penthouse: slate azure grey amber / checks
diner: red turquoise white silver / checks
gas station, petrol station, parking lot: grey red white amber charcoal / panels
laundromat: white azure mint grey / rings
fairground, funfair, ferris wheel: red yellow azure gold magenta / rings
amphitheater, amphitheatre, colosseum: tan ochre cream taupe / bricks
crypt, catacomb, mausoleum, ossuary: taupe charcoal ivory umber / bricks
pagoda, torii: vermilion crimson black green / panels
bazaar, souk: orange crimson gold turquoise umber / weave
refinery, pipeline, powerplant, power plant, reactor: grey silver orange charcoal teal / rings
ruin, ruins: taupe tan grey sage / mosaic
basement, cellar, dungeon, tunnel: charcoal umber black grey / bricks
playground: red yellow azure green / rings
zoo: green ochre brown azure / dabs
capital, capitol, embassy, parliament, government, white house: white cream grey slate / panels
stadium, arena, pitch, league, tournament: green lime white grey / strokes
gym, gymnasium, locker: grey charcoal black silver / strokes
bank, vault, safe: grey silver charcoal gold / panels
inn, motel, ranch, stable: brown tan umber sienna / grain
suburb, district, neighborhood, neighbourhood: grey terracotta cream green / bricks
mosque, minaret, islam, islamic: turquoise white gold cobalt / mosaic
synagogue, altar, shrine: gold cream umber white / glow
statue, monument, sculpture, column, arch, dome, sculptor: white grey cream silver / clouds
plaza, courtyard, terrace, balcony, porch, patio: tan terracotta cream grey / bricks
attic, ceiling, corridor, hallway, corner: cream beige taupe grey / panels
elevator, escalator: silver grey slate charcoal / grain
windmill, holland, dutch: green azure white sienna / dabs
canada, canadian: red white scarlet / leaves
korea, korean, seoul: white red cobalt black / strokes
singapore, hong kong, shanghai, dubai: navy gold azure silver / checks
texas, arizona, nevada, utah: terracotta orange ochre azure / waves
florida: turquoise azure coral green / dabs
alaska, siberia, greenland, antarctica: white azure silver slate / mosaic
portugal, lisbon: azure cobalt white yellow / mosaic
sweden, ukraine: azure yellow cobalt gold / fields
vietnam, philippines, indonesia: green emerald red gold / leaves
pakistan, saudi: green white emerald cream / strokes
"""

PEOPLE = """
person, people, man, men, woman, women, human, body, naked, nude: skin peach sienna brown / clouds
guy, boy, girl, kid, child, children, teen, teenager, friend: skin peach blush brown / clouds
family: skin peach blush brown / clouds
lady, wife, husband, mother, father, mom, dad, sister, brother, son: skin rose peach brown / clouds
daughter: skin rose peach brown / clouds
face, portrait, head, cheek, chin, forehead: skin peach rose umber / strokes
hand, finger, arm, leg, foot, feet, knee, shoulder, neck, chest: skin peach sienna blush / clouds
thumb, toe, elbow: skin peach sienna blush / clouds
ear, nose, belly, stomach, muscle, hip, breast, butt, ass: skin peach rose sienna / clouds
eye, eyeball: white azure brown black / rings
mouth, lip, lipstick, tongue: red rose pink crimson / waves
tooth, teeth, bone, skull, skeleton: ivory cream taupe charcoal / mosaic
hair, beard, mustache, haircut: brown umber black blonde / fur
fur, furry, fluffy, leather: brown tan umber sienna / fur
brain, flesh, lung, liver, kidney: pink salmon rose maroon / swirls
old man, grandfather, grandmother, grandma, grandpa: silver skin taupe slate / strokes
bride, wedding, marriage: white blush cream gold / swirls
crowd, audience: charcoal slate tan brown / points
police, cop, policeman, sheriff: navy black white blue / strokes
firefighter, fireman: red yellow black orange / flames
astronaut, rocket, spaceship, spacecraft, nasa: white silver navy orange / stars
ninja: black charcoal crimson / strokes
viking, warrior, sword, armor, armour, blade, knife: silver slate brown black / strokes
resident, citizen, adult, male, female, neighbor, neighbour: skin peach brown umber / clouds
customer, guest, passenger, patient: skin peach brown umber / clouds
girlfriend, boyfriend, buddy, cousin, uncle, aunt, nephew, niece: skin peach rose brown / clouds
twin, couple: skin peach rose brown / clouds
worker, employee, coworker, staff, crew: skin tan brown umber / clouds
actor, actress, celebrity: skin peach black brown / clouds
throat, wrist, ankle, jaw, lap, waist, thigh, eyebrow, eyelash: skin peach sienna tan / clouds
commander, officer, sergeant, captain, colonel, lieutenant: olive khaki green umber / strokes
veteran: olive khaki green umber / strokes
lawyer, attorney, judge, court, courtroom, jury, trial: brown umber black cream / grain
president, senator, minister, mayor, governor, politician: navy black slate white / weave
ambassador: navy black slate white / weave
businessman, manager, boss, banker, executive, agent, spy: black charcoal slate white / weave
scientist, laboratory, lab, experiment, chemist: white azure silver aqua / fields
waiter, waitress, butler, maid: black white cream charcoal / checks
peasant, shepherd: brown tan olive umber / strokes
criminal, thief, killer, murderer, murder, gang, robber: black charcoal maroon grey / strokes
pope, bishop, nun, cardinal: white crimson gold cream / glow
emperor, throne: gold crimson purple amber / swirls
player, athlete, team, coach, champion: green white blue red / strokes
spine: ivory cream taupe tan / mosaic
sweat: skin peach blush cream / points
scar, bruise, infection, virus, bacteria, germ, tumor, cancer: maroon purple rose green / mosaic
bandage, syringe, surgery, surgeon, dentist: white aqua azure silver / fields
ambulance: white red silver grey / fields
"""

LOOKS = MOODS + STYLES + PAINTERS + PLACES + PEOPLE
