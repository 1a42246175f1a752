"""Looks of moods, arts, painters, places, people and eras."""

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
tarot, zodiac, astrology, horoscope: navy indigo gold black violet / stars
alchemy, alchemist, rune: gold umber emerald black / rings
totem, shaman, druid: umber terracotta teal ochre / zigzag
hieroglyph, glyph: ochre tan umber cobalt / hatch
sacred, sanctuary, saint: gold white cream amber / glow
ghost, ghostly, spectral, spirit, phantom: white grey mint slate / clouds
horror, gore, zombie, vampire: black crimson maroon charcoal / strokes
blood, bloody, wound: crimson maroon red black / splatter
acid: lime yellow chartreuse black / dots
poison, toxic, venom, slime: lime black purple chartreuse / dots
war, battle, army, military, soldier, combat, troop, tank: olive khaki umber charcoal / strokes
battlefield, explosion, bomb, blast, explosive: orange yellow red charcoal / flames
dance, dancing, dancer: magenta violet crimson black / swirls
music, musical, song, melody, concert, jazz, band, orchestra: purple gold crimson navy / waves
techno, rave, club, nightclub, electro, edm: black magenta cyan violet / grid
rock music, metal music, punk: black red magenta charcoal / splatter
dj: black purple cyan magenta / rings
disco: magenta gold violet cyan black / dots
future, futuristic, sci-fi, scifi: cyan silver navy violet / grid
fantasy, fairytale: violet teal gold rose / swirls
heroic, epic, hero, superhero, legend: gold crimson navy orange / rays
money, cash, dollar, banknote: green sage jade cream / strokes
coin: gold amber bronze silver / points
treasure, crown: gold amber ruby black / points
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
gratitude, grateful, thankful, kindness: gold peach rose cream / glow
proud, triumph, victorious, victory, glory, glorious: gold crimson amber white / rays
confidence, confident, courage, brave, bravery, fearless: gold crimson orange navy / rays
jealous, envious: green emerald olive black / swirls
disgust, disgusting, nausea, revolting, nauseous: olive lime brown mustard / splatter
boredom, bored, boring: grey taupe beige slate / fields
shy, timid, embarrassed, embarrassment, ashamed, shame: rose blush coral cream / clouds
shock, shocked, surprise, surprised, astonished: yellow magenta white orange / rays
guilt, guilty, regret, remorse: slate charcoal maroon grey / strokes
heartbreak, heartbroken, mourning, mournful, weeping, tearful: navy slate black maroon / strokes
sob: navy slate black maroon / strokes
hysteria, frantic, frenzy, manic: red magenta yellow black / zigzag
aggressive, hostile, violent, violence, brutal, savage, cruel: red black maroon charcoal / splatter
vicious: red black maroon charcoal / splatter
nervous, uneasy, restless, stress, stressed: mustard charcoal red grey / zigzag
cheery, merry, jolly, bubbly, upbeat, lively, festive: yellow orange red lime azure / dots
delightful, charming: pink peach cream mint / dots
optimism, optimistic: yellow azure mint cream / rays
gloom, doom, doomed, despairing: charcoal slate black maroon / strokes
numb, empty, emptiness, hollow: grey slate silver charcoal / fields
harmony, balance, balanced, equilibrium, stillness, mindful: sage azure lavender cream / fields
mindfulness: sage azure lavender cream / fields
relaxed, restful, soothing, chillout, laid back: azure sage turquoise cream / waves
lazy, drowsy, nap, snooze, slumber: lavender azure cream navy / clouds
sexy, erotic, flirt, flirty: crimson magenta black rose / waves
cuddle, hug, embrace, affection, tenderness, lovers: rose peach pink cream / clouds
friendship, togetherness: peach yellow rose azure / dots
whisper, hush, silent, quietness, mute: silver lavender slate cream / fields
scream, shout, yell: red orange black yellow / rays
giggle, chuckle, laughing, joke, comedy, comedian: yellow red orange white / dots
poetic, lyrical, poetry: lavender rose cream sepia / clouds
spiritual, spirituality, soulful, enlightenment, chakra, karma: violet gold indigo white / rays
candlelit dinner, date night: amber crimson brown gold / glow
adventure, adventurous, explorer, expedition, quest: green ochre azure brown / dabs
freedom, liberty, free spirit: azure white gold red / rays
vengeance, revenge: crimson black maroon / strokes
temptation, sinful: crimson black emerald maroon / flames
fever, feverish, sick, illness, sickness, disease, vomit: olive lime mustard rose / clouds
plague, pandemic, quarantine: black olive umber grey / splatter
hunger, starving, thirst, thirsty: ochre tan sienna brown / strokes
sleepwalk, lucid dream, dreamworld, dreamland: indigo lavender azure violet / clouds
deja vu, memory, memories, flashback: sepia cream rose slate / clouds
illusion, optical illusion: black white grey / rings
haunted house, ghoul, poltergeist, seance: black charcoal slate purple / clouds
jack o lantern: orange black amber tangerine / glow
spooky forest, black forest: black green umber charcoal / leaves
satanic, pentagram, exorcism, hellfire, hades, abomination: black red maroon scarlet / flames
valhalla, olympus, zeus, thor, odin: gold slate white azure / rays
poseidon: teal cobalt turquoise gold / sea
cupid, cherub, aphrodite: rose pink gold cream / clouds
genie, aladdin, arabian nights: violet gold turquoise navy / swirls
sorcerer, sorceress, wizardry, potion, cauldron, enchantment: violet emerald black gold / swirls
excalibur, camelot, king arthur, knighthood: silver slate gold crimson / mosaic
fairy dust, pixie dust, tinkerbell, fairyland: pink lavender gold mint / stars
giant, cyclops, titan, yeti, bigfoot, sasquatch: brown slate grey umber / fur
superman: red blue yellow azure / rays
batman, gotham: black charcoal slate yellow / strokes
spiderman, spider man: red blue black white / grid
hulk: green emerald violet lime / splatter
harley quinn: green violet red white / splatter
hogwarts, harry potter: crimson gold umber black / glow
lord of the rings, tolkien, hobbit, middle earth: green gold umber slate / leaves
game of thrones, westeros: slate white umber black / clouds
alice in wonderland, wonderland, mad hatter: azure violet red yellow green / checks
arrakis: ochre tan sienna orange / waves
ghost in the shell: teal navy magenta green / grid
terminator, skynet: black charcoal red silver / grain
avatar, pandora: azure cyan violet emerald / leaves
mario, super mario: red azure yellow green / checks
space invaders, galaga: black lime white magenta / checks
sonic: cobalt azure yellow red / swirls
zelda: green gold emerald brown / triangles
simpsons: yellow azure white pink / dots
ballet, ballerina, tutu, pirouette: pink blush white lavender / waves
tango, salsa dance, flamenco dancer: red black crimson / swirls
waltz, ballroom, masquerade, gala: gold crimson cream black / swirls
breakdance, street dance, breakdancer: magenta cyan black lime / splatter
hula, luau: green coral yellow turquoise / leaves
soldier uniform, marine corps, infantry, cavalry, paratrooper: olive khaki brown green / strokes
squadron: olive khaki brown green / strokes
battle tank, trenches, warzone, war zone, frontline, front line: umber olive charcoal taupe / clouds
gunfire, gunshot, shooting: orange charcoal grey yellow / flames
swordfight, duel, gladiator, samurai sword, spartan: bronze crimson silver brown / strokes
crash, car crash, wreck, wreckage, collision: charcoal grey orange taupe / splatter
kill, slaughter, massacre, bloodshed, stab: crimson black maroon red / splatter
injury, injured, wounded: crimson red skin white / splatter
burial, cremation, undertaker, mourner: black charcoal slate white / strokes
birth, pregnant, pregnancy, infant, toddler: skin blush peach white / clouds
baptism, communion, holy water: white cream azure gold / glow
psalm, hymn, sermon, worship: cream gold umber white / glow
rosary, prayer beads, incense: brown umber gold cream / dots
buddha statue, zen garden: gold sage tan umber / glow
cathedral window, rose window: ruby sapphire emerald gold black / mosaic
menorah, torah, star of david, jewish: azure white gold cream / stars
hindu, ganesh, shiva, krishna: orange magenta gold azure / dots
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
cinematic, hollywood: teal orange black amber / clouds
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
emo: black magenta purple charcoal / strokes
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
comics, manga page, cartoon strip: red yellow blue black white / dots
cinema, movie, movies, movie theater, movie theatre: black crimson charcoal amber / glow
film, film grain, celluloid, 35mm: black charcoal grey silver amber / grain
sculptural, bas relief, carving, carved: cream tan taupe brown / swirls
portraiture, self portrait: skin umber peach brown / strokes
still life: umber green ochre red cream / dabs
landscape painting, plein air: green azure olive cream ochre / dabs
oil painting, oil paint, oil on canvas: brown gold teal maroon cream / strokes
wall painting, cave painting, rock art, petroglyph: ochre terracotta umber black tan / strokes
prehistoric: ochre terracotta umber black tan / strokes
egyptian art: gold ochre cobalt turquoise / hatch
illuminated manuscript: gold crimson ultramarine cream / swirls
japanese woodblock, woodblock print: indigo cream azure terracotta / sea
chinese painting, ink wash, ink painting: white black grey silver / strokes
watercolor painting, watercolour painting, wash painting: azure pink mint peach white / clouds
spray paint, spraypaint, tagging, graffiti wall: magenta lime cyan orange black / splatter
finger painting, finger paint, childs drawing, kids drawing: red yellow blue green orange / strokes
chalk art, pavement art: pink azure yellow charcoal white / strokes
embossed, letterpress, typography, typeface, lettering, alphabet: black white cream red / panels
caricature, storyboard, comic strip, cartoonist: black white yellow red / hatch
mixed media, decoupage, photomontage, cutout, papercut: red teal cream black mustard / panels
paper cut: red teal cream black mustard / panels
macro, close up, closeup, tilt shift: green azure tan brown / clouds
infrared photo, solarized, solarised: magenta rose white violet / leaves
sepia tone, old photo, old photograph, vintage photo: sepia tan cream brown / clouds
inverted, photo negative: black azure white orange / clouds
duotone: coral navy cream / clouds
8mm, super 8, old film, silent film, home movie: sepia black cream grey / grain
crt, scanline, scanlines, old tv, static, tv static: black grey white slate / stripes
wireframe, vector, vector graphics, line art, contour: navy cyan white azure / grid
low res, lowres, voxel, pixelated, pixelart, 16 bit: azure lime red yellow black / checks
cgi, 3d, 3d render, raytracing, unreal engine, octane: azure silver orange charcoal / clouds
datamosh, datamoshing, corrupted, malfunction: black magenta cyan lime white / stripes
nft, crypto, metaverse, artificial intelligence, neural network: navy cyan violet magenta / grid
punk rock, metalhead, heavy metal, death metal, black metal: black charcoal red grey / splatter
rock and roll, rockabilly, rock n roll: red black cream turquoise / checks
blues music, rhythm and blues, soul music, gospel choir: navy indigo gold brown / waves
trap music, grime, drill music: black charcoal violet red / splatter
trance music, psytrance, goa trance, acid house, acid techno: magenta lime violet cyan / swirls
house music, deep house, minimal techno, electro house: navy violet magenta black / grid
mosh pit, concert crowd, rock concert, gig: black red violet azure / rays
classical music, symphony, string quartet, chamber music: gold umber crimson cream / waves
conductor: gold umber crimson cream / waves
swing music, big band, ragtime, charleston: gold brown black cream / waves
marching band, parade: red gold white navy / stripes
karaoke: magenta violet cyan black / dots
art gallery, exhibition: white grey gold umber / panels
samurai armor, shogun, ronin: crimson black gold slate / scales
atlantean, mycenaean, minoan, etruscan: terracotta ochre black cream / zigzag
mayan, olmec, toltec: turquoise orange ruby gold / zigzag
celtic, celtic knot: green gold emerald brown / swirls
norse, runic: slate brown silver umber / hatch
maori, polynesian, tiki: brown umber tan green / zigzag
inuit, eskimo, igloo: white azure silver slate / mosaic
navajo, native american, dreamcatcher: terracotta turquoise cream black / zigzag
mughal, taj mahal: white cream gold azure / mosaic
moorish, alhambra: terracotta cobalt gold cream / mosaic
tudor, elizabethan, jacobean: umber cream crimson gold / panels
georgian, regency: cream sage gold azure / panels
edwardian, belle epoque: cream rose gold olive / swirls
roaring twenties, great gatsby, gatsby, flapper: gold black cream emerald / scales
fifties, 1950s, mid century: turquoise coral mustard cream / rings
sixties, 1960s, mod, flower power: orange magenta yellow lime / swirls
1970s: orange brown teal cream / stripes
1980s: magenta cyan purple yellow / zigzag
nineties, 1990s: teal purple magenta yellow / zigzag
1920s, 1930s: gold black cream brown / scales
1800s, antiquity, antique map: sepia tan umber ochre / hatch
stone age, caveman, neanderthal: brown ochre tan umber / strokes
bronze age, iron age: bronze umber ochre slate / grain
space age, atomic age: turquoise orange silver white / rays
pin up, pinup: red cream turquoise skin / dots
kitsch, gaudy: pink gold turquoise lime / dots
preppy, ivy league: navy cream green crimson / weave
streetwear, hypebeast: black grey orange white / panels
lolita, harajuku: pink lavender black mint / dots
utilitarian: olive khaki umber charcoal / weave
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
paris: cream rose slate azure / dabs
london, england, british, britain, uk: red slate navy cream / bricks
venice, amsterdam: terracotta azure ochre cream / sea
rome, italy, italian, tuscany, roman: terracotta ochre olive cream / dabs
athens, greece, greek, santorini: white azure cobalt cream / panels
spain, spanish, barcelona, flamenco: red yellow black orange / swirls
berlin, germany, german: grey black red gold / panels
alpine, swiss, switzerland, norway, iceland: white slate azure green / triangles
russia, russian, moscow: red gold blue white / swirls
tartan, plaid: red green navy black / weave
ireland, irish: green emerald lime white / leaves
egypt, egyptian, pyramid, pharaoh: gold ochre cobalt turquoise / triangles
africa, african: orange black gold maroon green / zigzag
morocco, moroccan, marrakesh, arabian, arabic: cobalt terracotta gold turquoise / mosaic
persian, iran, ottoman, turkish: turquoise gold ruby sapphire cream / scales
india, indian, bollywood, holi: orange magenta gold turquoise green / dots
china, chinese, beijing, chinatown: red gold black crimson / scales
japan, japanese, kyoto, samurai, geisha: indigo white crimson cream / sea
thailand, thai, bali, buddha, buddhist: gold orange maroon green / scales
aztec, maya, inca: turquoise orange ruby gold black / zigzag
brazil, brazilian, rio de janeiro: green yellow blue lime / waves
cuba, havana: turquoise coral yellow pink / panels
australia, australian, outback, aboriginal: terracotta ochre orange brown cream / points
america, american, usa: red white blue navy / stripes
europe, european: blue gold white slate / stars
california: orange azure gold coral / fields
atlantis: teal turquoise gold navy / sea
church, cathedral, temple, chapel, monastery, priest, monk: umber slate gold cream / glow
house, home, cabin, building, apartment, roof, architecture: terracotta cream brown grey / bricks
brick, chimney: terracotta sienna maroon tan / bricks
wall, concrete, cement, sidewalk, bridge, tower, skyscraper: grey silver charcoal taupe / bricks
window, mirror: azure silver white slate / panels
kitchen, oven, stove: white silver cream tan / checks
bedroom, bed, pillow, blanket, sheet: cream white lavender beige / fields
room, hall, hotel, lobby, office: beige cream brown grey / panels
school, classroom, college, university: sienna brown cream tan green / bricks
hospital, doctor, nurse, clinic, medicine, medical: white aqua azure silver mint / fields
prison, jail: grey charcoal orange black / stripes
factory, industrial, industry, warehouse, mill: grey charcoal bronze orange / rings
mall: white cream silver gold / panels
shop, store, market, supermarket: red yellow azure white green / panels
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
stadium, arena, pitch: green lime white grey / strokes
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
forbidden city, great wall: red gold terracotta grey / bricks
prague, budapest, vienna, krakow: terracotta cream sage gold / panels
istanbul, cairo, jerusalem, baghdad: tan ochre gold turquoise / mosaic
mumbai, delhi, calcutta, kolkata: orange magenta gold turquoise / dots
bangkok, hanoi, saigon, manila, jakarta: gold red green amber / dots
sydney, melbourne: azure white slate cobalt / sea
san francisco, golden gate: orange azure slate white / clouds
hollywood sign, beverly hills, malibu: tan azure green pink / dabs
washington, capitol hill: white cream green slate / panels
boston, philadelphia, baltimore: terracotta brown slate cream / bricks
detroit, pittsburgh, rust belt: copper grey brown charcoal / bricks
new orleans, bourbon street, louisiana: purple green gold umber / swirls
hiroshima, chernobyl: grey charcoal ochre taupe / splatter
rio, copacabana, ipanema: azure green cream black / waves
buenos aires, argentina, uruguay: azure white gold / stripes
chile, peru, bolivia, andes, machu picchu: green slate terracotta white / triangles
colombia, venezuela, ecuador: yellow azure red green / stripes
kenya, tanzania, serengeti, kilimanjaro: ochre gold green azure / dabs
nigeria, ghana, senegal, ethiopia: green yellow red black / zigzag
south africa, cape town: ochre green azure slate / dabs
tunisia, algeria, libya: tan ochre white azure / waves
syria, iraq, israel, lebanon, petra: tan ochre terracotta cream / waves
afghanistan, nepal, tibet, bhutan, mongolia, kathmandu: ochre crimson white azure tan / triangles
kazakhstan, uzbekistan, samarkand, silk road: turquoise gold tan cobalt / mosaic
cambodia, angkor, angkor wat, laos, burma, myanmar: taupe green ochre gold / leaves
malaysia, borneo, sumatra, papua: green emerald lime brown / leaves
taiwan, taipei: crimson green gold slate / strokes
sri lanka, maldives, mauritius, seychelles: turquoise azure cream green / sea
fiji, tahiti, polynesia, samoa, bora bora: turquoise azure lime cream / sea
new zealand: green azure slate white / dabs
finland, lapland, helsinki: white azure green slate / triangles
denmark, copenhagen: red white azure ochre / panels
oslo, stockholm: terracotta azure ochre slate / panels
poland, warsaw: red white cream terracotta / panels
hungary, romania, bulgaria, transylvania: green red umber slate / dabs
czech, slovakia, austria, tyrol, salzburg: green white slate brown / triangles
belgium, brussels, luxembourg: slate gold terracotta cream / bricks
croatia, dalmatia, montenegro, slovenia, dubrovnik: azure terracotta white green / sea
albania, serbia, bosnia, balkans: green slate terracotta red / dabs
wales, welsh, cornwall: green slate emerald sage / dabs
edinburgh, glasgow, belfast, dublin: slate grey green brown / bricks
manchester, birmingham, leeds, newcastle: terracotta grey slate brown / bricks
provence, riviera, cannes: lavender azure ochre cream / dabs
normandy, brittany: green slate cream azure / dabs
sicily, naples, sardinia, capri, amalfi: azure terracotta yellow white / sea
florence, milan, siena, pompeii: terracotta ochre cream umber / panels
crete, cyprus, malta, mykonos: white azure cobalt cream / panels
madrid, seville, andalusia, valencia: terracotta ochre red gold / panels
ibiza, mallorca, majorca, tenerife, canary islands: azure turquoise white ochre / sea
quebec, montreal, toronto, vancouver: slate azure red white / panels
yukon, klondike, newfoundland: white slate green azure / triangles
yosemite, yellowstone, sierra, rocky mountains, rockies: slate green white ochre / triangles
death valley, monument valley, sedona: terracotta orange ochre azure / waves
niagara: azure white teal green / strokes
mississippi, everglades: olive green umber teal / sea
colorado, montana, wyoming, idaho: green slate azure ochre / triangles
kansas, nebraska, iowa, oklahoma, dakota: gold ochre azure green / fields
kentucky, tennessee, virginia, carolina, alabama: green lime azure brown / dabs
maine, vermont, new england: orange red green azure / leaves
oregon, seattle: emerald slate grey green / leaves
embankment, riverfront: slate terracotta azure brown / bricks
barracks, military base, watchtower: olive khaki grey umber / panels
beacon: white red gold azure / rays
skyscrapers, tower block, high rise, office building, office tower: slate azure silver grey / checks
townhouse, terraced house, row house, brownstone, mansion: terracotta cream brown green / bricks
villa, manor: terracotta cream brown green / bricks
bungalow, hut, shack, shed, lodge, log cabin, chalet: brown umber tan green / grain
farmhouse: brown red cream green / grain
greenhouse, conservatory, botanical garden: green lime white emerald / leaves
nursery school, kindergarten, daycare: yellow red azure green / dots
schoolhouse, schoolyard, campus, auditorium, lecture hall: brown terracotta cream green / bricks
workshop: brown grey umber cream / panels
workplace, cubicle, boardroom, conference room, meeting room: grey white beige slate / panels
waiting room, reception, foyer, lounge: beige cream brown grey / fields
living room, sitting room, dorm, dormitory: cream tan brown sage / fields
closet, pantry, cupboard, larder: tan brown cream umber / grain
washroom, restroom, lavatory: white azure grey silver / checks
stairwell, stairway, banister, railing: brown grey umber tan / stripes
skylight, bay window, glass roof, glass house: azure white silver slate / panels
facade, storefront, shopfront, shop window: cream terracotta grey azure / panels
shopping mall, shopping center, department store, boutique: white cream silver gold / panels
marketplace, farmers market, flea market, market stall: red green orange yellow brown / dots
bookstore, bookshop, archive, reading room: brown sepia cream umber / hatch
barbershop, barber, hair salon, salon, hairdresser: red white azure silver / stripes
tavern, brewpub, beer garden, beer hall, speakeasy: amber brown umber gold / glow
dance floor, dancefloor, discotheque: magenta violet cyan black / grid
movie set, film set, backstage, green room: black charcoal amber grey / panels
concert hall, opera house, playhouse: crimson gold umber black / glow
ballpark, football stadium, soccer stadium, racecourse: green lime white brown / strokes
playing field, ball field: green lime white brown / strokes
swimming hall, water park, waterslide: cyan azure turquoise yellow / sea
cathedral ruins, abbey, convent, cloister, basilica, priory: taupe grey cream umber / bricks
steeple, belfry, spire, bell tower, clock tower: slate grey tan azure / bricks
ziggurat, obelisk, sphinx, acropolis, parthenon, stonehenge: tan ochre grey cream / mosaic
citadel, rampart, battlement, moat, drawbridge, turret: grey slate taupe tan / bricks
castle, fortress, knight: grey slate taupe tan azure / bricks
palace: gold cream white crimson / panels
king, queen, prince, princess, kingdom, royalty, monarch: gold crimson purple cream / mosaic
monarchy: gold crimson purple cream / mosaic
slum, favela, shanty, shantytown, ghetto, trailer park: terracotta brown tan azure grey / bricks
penitentiary, prison cell, cellblock: grey charcoal slate taupe / stripes
police station, courthouse, town hall, city hall, supreme court: cream grey tan slate / panels
fire station, firehouse: red terracotta white grey / bricks
train station, bus station, bus stop, subway station: grey charcoal slate silver / panels
underground station: grey charcoal slate silver / panels
underground, subterranean: charcoal umber black grey / bricks
shipyard, dockyard, drydock, boatyard: slate charcoal orange azure / grain
airfield, airstrip, hangar, control tower: grey silver azure green / panels
oil field, coal mine, mine shaft, mineshaft, gold mine, mining: black brown grey umber / mosaic
power station, nuclear plant, cooling tower, smokestack: grey white charcoal slate / clouds
sawmill, lumberyard, paper mill, textile mill: tan brown grey umber / grain
brickwork, masonry, stonework, rubble wall: terracotta grey tan sienna / bricks
footbridge, viaduct, suspension bridge, overpass: grey slate azure brown / bricks
sewer, drain, manhole, culvert: charcoal olive grey umber / bricks
city lights, city at night, night city, nightscape: navy black amber gold / points
aerial view, birds eye view, satellite image: green tan azure grey / mosaic
village green, market square, town square: terracotta cream green grey / bricks
france, french: azure cream red slate navy / dabs
mexico, mexican: green red orange yellow magenta / zigzag
scotland, scottish: green slate navy heather sage / dabs
patient: white azure skin aqua / fields
asia, asian: red gold green black / scales
saudi arabia: green white tan cream / waves
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
customer, guest, passenger: skin peach brown umber / clouds
girlfriend, boyfriend, buddy, cousin, uncle, aunt, nephew, niece: skin peach rose brown / clouds
twin, couple: skin peach rose brown / clouds
worker, employee, coworker, staff, crew: skin tan brown umber / clouds
actor, actress, celebrity: skin peach black brown / clouds
throat, wrist, ankle, jaw, lap, waist, thigh, eyebrow, eyelash: skin peach sienna tan / clouds
commander, sergeant, colonel, lieutenant: olive khaki green umber / strokes
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
player, athlete, team, champion: green white blue red / strokes
spine: ivory cream taupe tan / mosaic
sweat: skin peach blush cream / points
scar, bruise, infection, virus, bacteria, germ, tumor, cancer: maroon purple rose green / mosaic
bandage, syringe, surgery, surgeon, dentist: white aqua azure silver / fields
ambulance: white red silver grey / fields
civilian, pedestrian, bystander, tourist, traveler, traveller: skin peach brown azure / dots
gentleman, gentlemen, bloke, dude, fellow, chap, lad: skin peach brown navy / clouds
ladies, gal, lass, maiden, damsel: skin rose peach blonde / clouds
youth, youngster, schoolboy, schoolgirl, teenage, adolescent: skin peach blush brown / clouds
elder, elderly, senior, pensioner, old woman, granny: silver skin taupe cream / strokes
parent, parents, mum, daddy, stepmother, sibling, mate, pal: skin peach rose brown / clouds
groom, spouse, fiance, fiancee, newlywed, bridesmaid: white black blush cream / swirls
widow, orphan: black charcoal slate skin / strokes
roommate, housemate, landlord, tenant: skin peach tan brown / clouds
professor, student, teacher, tutor, scholar, schoolteacher: brown skin tan navy white / fields
officer, detective, patrol, trooper, swat: navy black slate white / strokes
captain, admiral, skipper, navigator: navy white gold cobalt / waves
engineer, mechanic, plumber, electrician, carpenter, builder: orange navy brown grey / panels
lumberjack, woodcutter: red black brown green / weave
blacksmith, welder: orange charcoal black amber / flames
miner, coal miner: black charcoal umber amber / points
fishmonger, deckhand: navy white azure / stripes
farmhand, milkmaid, farm worker, gardener: green brown tan lime / dabs
tailor, seamstress, weaver, dressmaker: navy cream crimson tan / weave
cleaner, janitor, housekeeper: azure white grey yellow / fields
secretary, clerk, receptionist, accountant, office worker: grey white navy beige / panels
cashier, shopkeeper, salesman, vendor: red white tan green / panels
bartender, bouncer, barman: black amber brown white / glow
chauffeur, driver, trucker, cabbie: black grey navy yellow / panels
stewardess, flight attendant: navy azure white red / fields
paramedic, medic, pharmacist, veterinarian: white red azure green / fields
biologist, physicist, astronomer, researcher: white azure silver navy / fields
journalist, reporter, newscaster, anchorman, writer, author: cream black brown grey / hatch
novelist, poet: cream black brown grey / hatch
cameraman: black charcoal grey silver / panels
illustrator: ultramarine ochre vermilion cream / strokes
guitarist, pianist, violinist, bassist, vocalist, rapper, rockstar: black crimson violet gold / glow
rock star: black crimson violet gold / glow
magician, illusionist, juggler, mime: black white red violet / stars
supermodel, catwalk: skin black white gold / panels
duchess, duke, baron, nobleman, aristocrat, countess: gold crimson purple cream / swirls
servant, beggar, homeless, hobo, tramp: brown umber grey taupe / strokes
hippy, gypsy: orange magenta mustard teal / swirls
hipster, nerd, geek: mustard teal brown grey / weave
punk hair, mohawk: magenta lime black cyan / strokes
skinhead, biker, outlaw, bandit, gangster, mafia, mobster: black charcoal brown grey / strokes
prisoner, inmate, convict, hostage: orange grey charcoal white / stripes
assassin, hitman, villain, henchman: black charcoal crimson slate / strokes
terrorist, rebel, guerrilla, militia: olive black khaki charcoal / strokes
archaeologist, indiana jones: tan ochre brown umber / dabs
nomad, bedouin: tan ochre white azure / waves
tribesman: brown umber terracotta black / zigzag
rabbi, imam, preacher, pastor, vicar, missionary: black white umber cream / glow
hunchback: brown umber taupe skin / clouds
athletics, bodybuilder: skin sienna bronze brown / clouds
redhead, ginger hair: orange copper sienna skin / fur
brunette: brown umber sienna skin / fur
blond, blondie, fair hair: blonde gold cream skin / fur
ponytail, braid, dreadlock, dreadlocks, afro, curls, hairstyle: brown umber black blonde / waves
hairdo: brown umber black blonde / waves
goatee, sideburns, stubble, whiskers, moustache: brown umber black taupe / fur
bald, baldness: skin peach tan / clouds
wrinkle, wrinkles, dimple, complexion: skin peach tan sienna / waves
nostril, earlobe, jawline, scalp: skin peach sienna blush / clouds
fingernail, fingertip, fist, knuckle: skin peach sienna blush / clouds
torso, abdomen, abs, ribcage, buttock, backside, shin, forearm: skin peach sienna tan / clouds
bicep, limb: skin peach sienna tan / clouds
armpit, navel, belly button: skin peach rose sienna / clouds
eyelid: azure brown white black / rings
vein, artery, bloodstream, heartbeat, blood cell: crimson red maroon navy / waves
intestine, bowel, guts, organ, womb: rose salmon maroon crimson / swirls
skeletal, jawbone, rib cage, vertebra, femur: ivory cream taupe charcoal / mosaic
saliva, spit, drool, snot, mucus: azure white lime silver / dots
urine: yellow gold amber cream / sea
manure, dung: brown umber sienna olive / clouds
sunburn, sunburnt, blister, rash: red coral pink skin / clouds
sun tan, tanned: bronze skin sienna tan / clouds
tattooed, tattoo sleeve: skin black slate teal / swirls
pale skin: cream blush ivory rose / clouds
"""

LOOKS = MOODS + STYLES + PAINTERS + PLACES + PEOPLE
