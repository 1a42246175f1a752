"""Looks of materials and man-made things, and the forms."""

LOOKS = """
fire, burn, fiery, bonfire, fireplace, campfire, firewood: red orange yellow maroon black / flames
lava, magma: red orange black amber maroon / mosaic
molten, incandescent, red hot, forge, furnace: orange yellow red amber black maroon / mosaic
liquid metal, molten metal, quicksilver: silver white slate charcoal azure / waves
foundry, smelter, kiln: orange charcoal black amber umber / flames
inferno: red black amber scarlet / flames
ember, coal, cinder: black maroon orange charcoal / points
candle, candlelight: amber brown cream black / glow
lamp, lantern, lightbulb, bulb, torch, spotlight: amber gold cream brown / glow
firework, fireworks, sparkler, spark: navy gold magenta white red / stars
marble, alabaster: white silver grey cream / swirls
granite: grey charcoal silver taupe / points
wood, wooden, timber, plank, lumber: brown tan sienna umber / grain
table, desk, chair, bench, shelf, cabinet, furniture, drawer: brown tan sienna beige / grain
wardrobe: brown tan sienna beige / grain
floor, door, gate, fence, stair, stairs, staircase, ladder, deck: brown tan umber beige / grain
crate, barrel, basket, cardboard, box, carton, package, parcel: tan brown sienna beige / grain
guitar, violin, cello, fiddle, banjo: sienna brown amber black / grain
piano, keyboard: black white ivory charcoal / stripes
drum, drummer: red silver tan black / rings
trumpet, saxophone, horn, brass, trombone, bell: gold amber bronze brown / waves
metal, metallic, aluminium, aluminum: silver grey charcoal white / grain
chrome, mercury: silver white grey navy / waves
steel, iron, titanium, nail, screw, bolt, wire, chain: silver grey slate charcoal / grain
tool, hammer, wrench, axe, drill, shovel: grey silver charcoal slate / grain
gun, rifle, pistol, weapon, bullet, cannon, missile, shotgun: charcoal grey black bronze / strokes
fork, spoon, scissors, needle: silver grey white slate / grain
patina, oxidised, oxidized: verdigris teal copper sage bronze / splatter
decay, decayed, decaying, rotting, rotten, eroded: olive umber taupe sage charcoal / splatter
mold, moldy, mould, mouldy: sage olive grey taupe cream / points
peeling, flaking: cream teal taupe terracotta / mosaic
rust, rusty, corroded: copper brown orange teal / splatter
gem, jewel, gemstone: ruby sapphire emerald violet / triangles
diamond: white azure silver lavender / triangles
quartz, amethyst: violet lilac white purple / triangles
obsidian, onyx: black charcoal slate / triangles
velvet: maroon purple black / clouds
silk, satin: cream rose gold white / waves
opal, opalescent, pearlescent, nacre, mother of pearl: pearl mint blush lavender azure / swirls
iridescence, duochrome, oil slick, petroleum: teal violet magenta turquoise navy gold / swirls
prismatic, spectrum, refraction: red orange yellow green blue violet white / rays
translucent, transparent, crystalline, glassy: azure white mint silver / mosaic
malachite: emerald jade green teal / swirls
lapis, lapis lazuli: ultramarine cobalt gold navy / points
agate, jasper, geode: sienna cream terracotta violet slate / waves
garnet: ruby maroon crimson / triangles
topaz, citrine: amber gold yellow orange / triangles
peridot: lime chartreuse green / triangles
moonstone: pearl azure silver lavender / triangles
pyrite: gold ochre charcoal bronze / triangles
sandstone, adobe: tan terracotta ochre sienna / grain
limestone, travertine, terrazzo: cream beige taupe silver / points
shale, basalt, pumice: charcoal slate grey black / mosaic
resin: amber orange umber gold / clouds
lacquer, enamel: crimson black gold ruby / waves
gilded, gilt, gold leaf, goldleaf: gold amber golden ochre bronze / mosaic
kintsugi: cream slate gold charcoal / mosaic
damascus: slate silver charcoal grey / waves
filigree, ornate, intricate, maximalist, opulent: gold crimson emerald sapphire cream / swirls
delicate, tender, gentle, fragile: blush lavender cream mint peach / clouds
shattered, broken, cracked, brittle: white slate charcoal azure silver / mosaic
torn, ripped, crumpled, wrinkled, creased: cream beige taupe white / triangles
tie dye: magenta turquoise yellow violet orange / swirls
batik, ikat: indigo cream terracotta ochre / swirls
paisley: crimson gold teal cream / swirls
houndstooth: black white charcoal / checks
herringbone, tweed: taupe grey brown cream / zigzag
argyle: navy crimson cream green / triangles
brocade, damask: crimson gold maroon cream / swirls
tulle, chiffon, organza: blush cream lavender peach / clouds
sequin: gold magenta silver violet / scales
macrame, rattan, wicker, burlap, hessian: tan beige ochre umber / weave
felt, fleece, flannel: crimson slate cream green / fur
crochet: cream rose teal mustard / weave
suede, corduroy: brown tan sienna umber / stripes
cork: tan brown sienna / points
plywood, veneer, parquet, hardwood: tan brown ochre sienna / grain
linoleum, formica: mint cream coral grey / checks
shingle, thatch: taupe umber grey tan / scales
corrugated, rebar, scaffolding, girder: silver copper grey charcoal / stripes
chainlink, barbed wire, razor wire: silver grey charcoal slate / grid
lace, linen, cotton: white cream ivory beige / weave
fabric, cloth, textile, canvas, yarn, thread: beige navy crimson cream / weave
denim, jean, jeans: navy cobalt azure slate / weave
knit, sweater, scarf, sock, mitten, glove: crimson cream green navy / zigzag
saddle, belt, boot, shoe, wallet, purse, handbag, briefcase: brown sienna black tan / strokes
gingham, picnic: red white blush / checks
tuxedo, suit, tie: black charcoal white navy / weave
uniform, badge: navy slate gold white / weave
paper, envelope, document: cream white beige tan / triangles
text: white black grey / hatch
notebook, diary, essay: white azure grey navy / strokes
plastic, balloon: red yellow azure white green / dots
foil, tin: silver white grey azure / triangles
petrol, gasoline, fuel, diesel: black amber umber brown / waves
tar, tire, tyre, wheel: black charcoal slate grey / rings
machine, mechanical, engine, gear, motor, robotics: charcoal bronze grey orange / rings
clock, watch, compass: gold cream black brown / rings
cosmetic, makeup, perfume: rose blush gold pink / clouds
soap, foam, lather: white azure mint lavender / dots
wax: cream amber red blue / clouds
plaster, stucco: white cream beige silver / clouds
phone, telephone, smartphone, laptop, monitor, screen: black azure charcoal white / panels
television, tv: black azure charcoal white / panels
camera, lens, microscope, telescope: black charcoal silver azure / rings
radio, speaker, microphone, amplifier: black charcoal silver brown / points
circuit, microchip, hardware, battery: emerald green gold black / grid
pill, drug, tablet, vaccine: white red azure yellow / dots
cigarette, smoking, smoker: grey white orange charcoal / clouds
radioactive, nuclear, uranium, fallout: lime yellow black chartreuse charcoal / glow
plasma, tesla, electricity, electric, high voltage: violet azure magenta white navy / zigzag
fluorescent, phosphorescent, blacklight, ultraviolet: lime magenta cyan violet black / glow
infrared, thermal, heatmap, heat map: navy violet magenta orange yellow / clouds
x ray, xray, radiograph: black navy azure white / glow
radiant, radiance, brilliance: gold yellow cream white amber / rays
bokeh, lens flare: black amber gold teal / glow
caustics: aqua turquoise azure white teal / mosaic
dappled, komorebi: lime green gold olive cream / dabs
pollution, smog, exhaust: taupe grey brown khaki / clouds
flag, banner: red white blue / stripes
trophy, medal: gold amber bronze cream / points
cage, net, goal: grey silver charcoal white / grid
tent, camp, camping: green khaki orange brown / dabs
anchor, rope: navy white tan slate / waves
chess, chessboard, checkerboard: black white cream / checks
card, poker, dice, domino: white red black green / checks
bus, taxi, cab: yellow red black white / panels
tractor, bulldozer, crane: yellow green charcoal brown / panels
camouflage, camo: olive khaki umber green / splatter
bicycle, bike, cycling, motorcycle, motorbike: red black silver charcoal / rings
garage, truck, lorry, van, trailer, pickup: white red silver charcoal / panels
fridge, refrigerator, freezer, microwave, dishwasher, sink, faucet: white silver grey slate / panels
tap: white silver grey slate / panels
towel, tissue, napkin, diaper: white cream beige silver / weave
key, lock, hook, pipe, tube, valve, pump: silver grey slate charcoal / grain
bucket, bin, tray: silver grey slate white / rings
broom, mop: tan brown ochre grey / fur
fan, heater, radiator, air conditioner: white silver grey slate / grain
crib, cradle, nursery: peach cream mint white / dots
iphone, ipad, pc, desktop, console, printer, gadget, device: black charcoal silver white / panels
cable, antenna, satellite, drone, headphone, earphone: black charcoal silver grey / strokes
cassette, vinyl, record, cd, dvd, turntable: black charcoal red silver / rings
pen, signature, contract, certificate, receipt, petition: white cream black navy / hatch
passport, postcard, mail, stamp: cream tan red navy / panels
magazine, article: white black grey red / panels
menu: cream white black brown / panels
calendar, chart, graph, spreadsheet: white grey silver red / panels
wagon, cart, carriage: brown umber tan black / grain
helicopter: olive grey charcoal azure / clouds
parachute: azure white red orange / rays
scooter, moped, skateboard: red black silver azure / rings
limousine, hearse: black charcoal silver / panels
runway: grey charcoal white amber / strokes
grenade, bunker, fort, sniper: olive umber khaki charcoal / strokes
shield, spear, dagger: silver bronze brown slate / grain
bow, flute, harp, clarinet, accordion: brown sienna gold black / grain
doll, puppet: pink skin peach red / dots
kite: red yellow azure white / triangles
magnet: red silver grey white / panels
lighter: red silver orange yellow / flames
string, cord, leash: tan cream brown beige / waves
whistle, siren, alarm, emergency: red white black scarlet / rays
danger, warning, hazard: yellow black amber red / stripes
hourglass, sundial: gold tan cream brown / glow
underwear, bra, lingerie, bikini, swimsuit: pink white black rose / waves
pants, trousers, shorts: navy khaki black grey / weave
sneaker, sandal, slipper, heel: white black tan grey / strokes
robe, cloak, veil, gown: white cream burgundy black / waves
mask: white black gold red / panels
wig: blonde brown black auburn / fur
sunglasses, goggles, spectacles: black charcoal brown azure / panels
earring, bracelet, pendant: gold silver amber white / points
apron, vest, hood, collar, sleeve, pocket: white navy grey black / weave
penny, cent: copper bronze sienna brown / points
nickel, dime: silver grey white slate / points
stick, pole, stake: brown tan sienna umber / grain
dumpster, landfill, waste, sewage: olive brown grey umber / splatter
wand, magic wand: brown violet gold white / stars
rag, duster, tablecloth, doily: white cream beige red / weave
comforter, duvet, bedspread, pillowcase, linens, bedding: white cream azure lavender / waves
bunk, hammock, futon: beige tan navy white / weave
bookcase, bookshelf, sideboard, dresser, nightstand, stool, armchair: brown tan sienna umber / grain
rocking chair: brown tan sienna umber / grain
workbench, countertop, tabletop: brown tan grey beige / grain
picture frame, gilt frame, easel: gold umber brown ochre / panels
doorway, doorknob, hinge, threshold: brown tan bronze umber / panels
windowsill, shutter, blinds, venetian blind: white cream azure tan / stripes
drapes, curtains, drapery: crimson cream gold maroon / waves
doormat, tatami: tan brown ochre beige / weave
chandelier, candelabra, candlestick: gold cream amber white / glow
nightlight, fairy lights, string lights, christmas lights: amber gold navy red / dots
streetlight, street lamp, streetlamp, lamppost, headlight, headlights: amber gold black navy / glow
flashlight, floodlight, searchlight, strobe, stage light: white cream azure black / rays
stage lights: white cream azure black / rays
neon sign, led, leds, led wall, light bulb: magenta cyan amber black / glow
matchstick: orange amber tan black / flames
firecracker, dynamite, gunpowder, detonator: red orange black grey / flames
wick: amber black brown grey / glow
toolbox, pliers, screwdriver, spanner, chisel, crowbar: grey silver red charcoal / grain
sledgehammer, toolkit: grey silver red charcoal / grain
chainsaw, lawnmower, mower, hedge trimmer: orange red grey charcoal / grain
rake, spade, hoe, pitchfork, wheelbarrow, watering can: green brown grey umber / grain
pickaxe, anvil, vise, clamp: grey slate charcoal black / grain
paintbrush, paint roller, paint bucket: ultramarine red yellow white green / splatter
ruler, tape measure, protractor: yellow tan ochre black / stripes
stapler, paper clip, thumbtack, pushpin: silver grey red black / points
pencil case, eraser, highlighter, felt tip: yellow pink lime azure / strokes
ballpoint, fountain pen, quill: navy black gold cream / strokes
notepad, sketchbook, sketchpad, clipboard, folder, binder: cream white tan grey / panels
filing cabinet: cream white tan grey / panels
bookmark, textbook, handbook, encyclopedia, dictionary, paperback: cream brown sepia tan / hatch
hardcover: cream brown sepia tan / hatch
comic book, graphic novel: red yellow blue black white / dots
printer paper, copy machine, photocopier, scanner, fax: white grey silver charcoal / panels
calculator, abacus, cash register: grey black silver white / checks
typewriter: black charcoal cream grey / points
newspaper stand, headline, tabloid, gazette: beige black grey white / points
invoice, ledger, questionnaire: white cream grey black / hatch
parchment, scroll, papyrus: cream tan beige sepia / clouds
wrapping paper, gift wrap, gift box: red gold green white / stripes
playing card, deck of cards, joker, roulette: red black white green / checks
board game, backgammon, checkers, ludo: red black cream brown / checks
rubik, rubiks cube, building block, building blocks: red yellow blue green white / checks
marionette, muppet, action figure, figurine: red skin green brown / dots
rocking horse, plush, plushie, stuffed animal: tan brown pink cream / fur
yo yo, frisbee, spinning top, hula hoop: red yellow azure green / rings
trampoline, bouncy castle, seesaw, merry go round, carousel: red yellow azure gold / stripes
roller coaster, rollercoaster, amusement park, theme park: red azure yellow white / swirls
sailcloth, tarp, tarpaulin, awning: azure green white orange / stripes
wallet purse, piggy bank: brown tan pink green / dots
satchel, rucksack, knapsack, duffel, tote, tote bag: brown tan olive black / weave
boots, wellington, loafers, moccasin, clog, footwear: brown black sienna tan / strokes
high heels, stiletto: red black crimson / waves
trainers, sneakers, running shoes: white black grey red / strokes
flip flops, sandals: tan brown yellow azure / stripes
stocking, stockings, tights, nylon, leggings, pantyhose: black charcoal tan skin / weave
pajamas, pyjamas, nightgown, bathrobe: azure white pink lavender / stripes
bathing suit, swimwear, speedo, wetsuit: navy azure black red / waves
cardigan, hoodie, sweatshirt, pullover, jumper, turtleneck: grey navy charcoal cream / weave
overcoat, raincoat, trench coat, parka, anorak, windbreaker: navy tan charcoal khaki / weave
leather jacket, biker jacket: black charcoal umber grey / sheen
blazer, waistcoat, dinner jacket: navy charcoal black grey / weave
overalls, dungarees, boiler suit: navy cobalt azure slate / weave
kimono, yukata: crimson indigo cream gold / leaves
sari: magenta gold orange turquoise / swirls
kilt: red green navy black / weave
poncho, sombrero: red orange yellow green / stripes
toga, tunic: white cream gold beige / waves
corset, garter: black crimson pink white / waves
bow tie, necktie, cufflink: black navy crimson silver / stripes
beanie, bonnet, beret, bowler hat, top hat, cowboy hat, baseball cap: black brown tan navy / rings
hard hat: yellow orange white grey / rings
turban, headscarf, hijab, bandana, shawl: crimson navy cream gold / waves
tiara, diadem, sceptre, scepter, regalia: gold silver ruby white / points
brooch, locket, cameo, gold chain, jeweller, jeweler: gold silver cream amber / points
engagement ring, wedding ring: gold silver white cream / rings
wristwatch, stopwatch, pocket watch: gold silver black cream / rings
eyeglasses, monocle, contact lens: black brown silver azure / rings
hairbrush, hairdryer, curlers: brown black pink silver / strokes
razor, shaver, shaving, shaving cream: white silver azure grey / clouds
toothbrush, toothpaste, mouthwash, dental: white azure mint red / stripes
shampoo, lotion, moisturizer, deodorant, sunscreen: white azure cream blush / clouds
nail polish, manicure, eyeliner, eyeshadow, mascara: red pink magenta black / dots
toilet paper, paper towel, kleenex, tampon: white cream azure / clouds
bathroom tile, bath towel, washcloth: white azure aqua silver / checks
laundry, washing machine, detergent, dryer, clothesline: white azure grey lavender / waves
ironing board: white azure grey lavender / waves
vacuum cleaner, hoover, sponge, scrubbing brush, dustpan: yellow azure grey white / dots
trash can, garbage can, garbage bag, rubbish, rubbish bin: charcoal grey green olive / splatter
litter: charcoal grey green olive / splatter
saucepan, frying pan, wok, skillet, casserole, cooker, cookware: charcoal silver grey black / rings
colander, sieve, whisk, ladle, spatula, grater, corkscrew, utensil: silver grey white slate / grain
cutlery: silver grey white slate / grain
tableware, crockery, saucer, china plate, dinnerware, teaspoon: white cream azure silver / rings
tablespoon: white cream azure silver / rings
wine glass, goblet, chalice, pitcher, decanter, tumbler: azure white gold silver / mosaic
toaster, blender, mixer, juicer, coffee maker, coffee machine: silver white grey black / panels
appliance: silver white grey black / panels
thermos, flask, water bottle: silver azure green charcoal / grain
beer bottle, wine bottle, glass bottle: green olive brown amber / mosaic
tin can, soda can: silver grey red azure / grain
lid, bottle cap: silver grey tan red / rings
tupperware, ice tray: white azure mint grey / panels
doorbell, alarm clock, smoke detector, thermostat: white grey silver red / rings
burglar alarm, padlock, keyhole, handcuffs, shackle: silver grey slate charcoal / grain
safe deposit, gold bar, bullion, ingot, gold coin, doubloon: gold amber ochre bronze / panels
credit card: navy silver gold grey / panels
euro, yen, currency, bitcoin: gold green silver cream / strokes
stethoscope, thermometer, scalpel, wheelchair, crutch, stretcher: white silver grey azure / fields
first aid, first aid kit, band aid: white red cream tan / panels
pharmacy, drugstore, prescription, capsule, aspirin, antibiotic: white red azure green / dots
test tube, beaker, petri dish, pipette, bunsen burner: azure white lime silver / dots
molecule, atom, dna, neuron, proton, electron: azure violet navy white / dots
magnifying glass, binoculars, periscope: black charcoal silver azure / rings
tripod, flashbulb, photo album, darkroom, photographer: black charcoal grey tan / panels
projector, film reel, filmstrip, camcorder, video camera: black charcoal silver amber / rings
computer mouse, mousepad, motherboard, processor: black charcoal grey silver / panels
usb, hard drive, hard disk, server, server room, data center: black azure charcoal silver / grid
modem, router: black azure charcoal silver / grid
touchscreen, tablet pc: black azure charcoal white / panels
game controller, joystick, gamepad, playstation, xbox, nintendo: black red white grey / panels
remote control, television set: black charcoal grey silver / panels
jukebox, gramophone, phonograph, record player, boombox, walkman: black gold red brown / rings
loudspeaker, subwoofer, megaphone, stereo, sound system: black charcoal silver grey / rings
mixing desk: black charcoal silver grey / rings
synthesizer, synth, sampler, drum machine, modular synth: black charcoal red amber silver / checks
electric guitar, bass guitar: red black amber sienna / sheen
ukulele, mandolin, lute, sitar, lyre, double bass, viola: sienna brown amber black / grain
bagpipe, bagpipes: red green navy brown / weave
tuba, bugle, french horn, cornet: gold amber bronze brown / waves
oboe, bassoon, piccolo: black umber silver brown / grain
xylophone, marimba, vibraphone: brown sienna gold red / stripes
cymbal, gong, tambourine, maracas, castanets: gold bronze amber brown / rings
harmonica, kazoo: silver grey brown charcoal / grain
snare, bongo, conga, djembe, percussion: brown tan red cream / rings
pipe organ: gold umber silver brown / stripes
sheet music, musical note, treble clef: cream white black sepia / stripes
unicycle, tricycle, pram, stroller, pushchair: red azure black silver / rings
sedan, convertible, hatchback, sports car, race car, formula one: red silver black white / panels
supercar: red silver black white / waves
jeep, suv, pickup truck, minivan, camper, caravan, motorhome: green white tan grey / panels
windscreen, windshield, dashboard, steering wheel, gearbox: black charcoal silver azure / sheen
bumper: black charcoal silver azure / waves
rickshaw, tuk tuk: green yellow red black / panels
steam train, steam engine, locomotive, steam locomotive: black charcoal red silver / grain
tram, trolley, streetcar, monorail, cable car: red yellow cream grey / panels
freight, boxcar, railroad, train track, railway track: grey brown charcoal silver / grain
hot air balloon, blimp, zeppelin, airship: red yellow orange azure / stripes
glider, biplane, seaplane, fighter jet, airliner, boeing, cockpit: azure silver white grey / clouds
propeller: azure silver white grey / clouds
space shuttle, space station, lunar module, spacesuit: white silver black navy / stars
snowmobile, sleigh, bobsled, toboggan: red white azure brown / strokes
fire truck, fire engine, fire extinguisher, hydrant, fire hydrant: red scarlet white silver / panels
police car, squad car: white navy azure black / panels
school bus: yellow amber black / panels
forklift, excavator, digger, backhoe, cement mixer, steamroller: yellow amber black grey / panels
combine harvester, plough, plow, harrow, silo: green gold red ochre / dabs
conveyor, conveyor belt, assembly line, piston, turbine: grey silver charcoal orange / rings
generator, crankshaft: grey silver charcoal orange / rings
wind turbine, solar panel, solar panels: white azure navy green / panels
oil rig, oil well, derrick, pump jack: charcoal orange grey azure / grain
power line, pylon, transformer, high tension: grey silver slate azure / strokes
cogwheel, cog, sprocket, ratchet, clockwork: bronze gold charcoal silver / rings
rivet, hex nut: silver grey slate charcoal / rings
steel wool, iron ore, cast iron, wrought iron, ironwork: charcoal grey black slate / grain
zinc, pewter, lithium: silver grey slate charcoal / grain
sulphur, sulfur, brimstone: yellow gold lime mustard / points
copper wire, copper pipe: copper orange brown bronze / grain
scrimshaw: ivory cream tan sepia / swirls
jadeite: jade emerald green mint / swirls
stone wall, dry stone wall: grey taupe slate sage / bricks
fiberglass, kevlar, carbon fiber, carbon fibre, carbon: black charcoal slate grey / weave
styrofoam, polystyrene, packing peanuts: white cream silver / points
glue, adhesive, tape, duct tape, sellotape, putty: silver grey cream tan / clouds
cellophane, cling film, bubble wrap, plastic bag: white azure silver mint / clouds
laminate, asbestos: grey beige tan white / checks
wool yarn, cashmere, angora, mohair: cream beige taupe blush / fur
polyester, spandex, lycra, latex: black magenta azure red / waves
patchwork, mending, stitching, stitch, seam, sewing: crimson navy ochre cream / weave
needlework, cross stitch, knitting, sewing machine, loom, spool: crimson cream navy green / weave
basket weave, straw hat, straw mat: tan ochre gold beige / weave
sandpaper, sawdust, wood chips: tan beige ochre brown / points
potter, pottery wheel, terracotta pot, flowerpot, clay pot: terracotta sienna tan umber / rings
amphora: terracotta sienna tan umber / rings
snow globe, crystal ball: azure white violet silver / glow
varnish, shellac: sienna umber amber brown / grain
crown jewels, treasure chest, pirate treasure: gold amber ruby emerald brown / points
bow and arrow, crossbow, archery, archer, catapult, slingshot: brown umber tan green / grain
machete, sabre, saber, scythe, sickle, katana, bayonet: silver grey slate brown / grain
revolver, machine gun, handgun, shotgun shell, ammunition: charcoal grey black bronze / strokes
ammo, holster, firearm: charcoal grey black bronze / strokes
torpedo, artillery, mortar, warhead, landmine, howitzer: olive charcoal grey khaki / strokes
gas mask, body armor, bulletproof: black olive charcoal grey / strokes
bear trap, mousetrap: brown grey tan charcoal / grain
fishing rod, fishing net, fish hook, harpoon: teal tan slate brown / grid
noose, gallows, guillotine: umber charcoal tan black / grain
tombstone, gravestone, headstone, sarcophagus, urn: grey slate taupe charcoal / mosaic
birdcage, kennel, aviary: brown silver tan grey / grid
saddlebag, bridle, stirrup, horseshoe, reins: brown sienna black silver / strokes
barbell, dumbbell, treadmill, punching bag, weightlifting: charcoal black grey silver / rings
weights: charcoal black grey silver / rings
surfboard, paddleboard, snowboarding board: azure white yellow coral / waves
skis, ski lift, ski slope, ice skate, ice skates, ice rink: white azure silver red / strokes
tennis ball, tennis court, racket, racquet, badminton, ping pong: lime green white azure / strokes
table tennis: lime green white azure / strokes
baseball bat, home run, softball, catcher: tan white green red / strokes
soccer ball, football field, goalpost, touchdown, quarterback: green white brown lime / strokes
linebacker: green white brown lime / strokes
golf ball, golf club, putter, fairway: green lime white sage / strokes
pool table, snooker, pool hall, cue: green emerald brown red / rings
dartboard, darts, bullseye: red green black cream / rings
swimming goggles, water polo, diving board, lifeguard: azure cyan white red / sea
gymnast, gymnastics, acrobat, trapeze, cheerleader: crimson azure white gold / swirls
marathon, jogging, sprint, sprinter, runner, relay race: orange red grey azure / strokes
fencing sport, sumo, martial arts, kung fu, taekwondo: white black red cream / strokes
polo, equestrian, rodeo, jockey, show jumping: brown green tan white / dabs
cyclist, bmx, velodrome, bike race: red yellow black green / strokes
motocross, rally, grand prix, nascar, racetrack, pit stop: red black white yellow / strokes
olympics, olympic: azure yellow black green red / rings
scoreboard, referee, umpire: black white yellow green / stripes
finish line, checkered flag: black white grey / checks
medallist, podium, winner, gold medal: gold amber bronze white / rays
hang gliding, paragliding, skydiving, bungee: azure white red yellow / rays
mountaineering, mountaineer, rock climbing, abseil, trekking: slate brown white azure / dabs
bonfire party, campground, campsite: green orange brown khaki / dabs
sleeping bag, camp stove: green orange navy tan / panels
sandcastle, sand castle, beach ball, beach towel, deck chair: yellow azure beige red white / stripes
parasol: yellow azure beige red white / stripes
road sign, stop sign, signpost, billboard, traffic sign: red white yellow azure / panels
traffic light, traffic lights, traffic jam: red amber green charcoal / dots
parking meter, toll booth, turnstile: grey silver charcoal red / panels
mailbox, letterbox, post office, postman, mailman, postage: red azure white cream / panels
phone booth, telephone box, phone box: red scarlet white grey / panels
vending machine, atm: red azure silver white / panels
park bench, picnic table: brown green tan olive / grain
lamp shade, desk lamp, table lamp: amber cream tan brown / glow
fireplace hearth, hearth, mantelpiece, woodstove: orange amber brown charcoal / flames
chalk drawing, chalk dust: white cream charcoal grey / strokes
party hat, pinata, streamer, streamers: red yellow azure magenta lime / stripes
birthday cake, wedding cake: cream pink white gold / dots
prize, award, awards, oscar: gold amber bronze cream / rays
button down, zipper, velcro, shoelace, buckle: silver grey brown black / strokes
barbie: pink magenta white blush / dots
hello kitty: pink white red blush / dots
rubber: black charcoal red grey / rings
traffic: grey red charcoal white amber / dots
ticket: cream yellow red orange / panels
jewelry, jewellery, necklace: gold silver amber white / points
"""

# Their own colours apply only if no other word of the prompt has any: gold waves are gold.
FORMS = """
wave, ripple, tide: navy cobalt azure aqua white / sea
water, liquid, fluid, flow: cobalt azure aqua teal white / sea
raindrop, drop, droplet, dew: azure aqua white slate / dots
bubble: azure aqua white lavender / dots
splash: azure cobalt aqua white / splatter
drip, splatter, spray, stain, blot: cobalt magenta yellow black white / splatter
cloud, fluff: white azure silver cream / clouds
smoke, smoky, steam, vapor, vapour: grey silver slate white / clouds
blur, blurry, blurred, wash, gradient: azure lavender peach cream / clouds
shadow, shade, silhouette, darkness: black charcoal slate grey / glow
glow, glowing, lit, luminous, shine, shining: gold amber cream brown / glow
ray, beam, shimmer, sparkle, flash: gold cream amber azure / rays
flame, blaze: red orange yellow maroon / flames
snow, snowy, snowflake, snowfall, snowman: white azure silver slate / stars
star, stars: navy white gold indigo / stars
glitter: gold silver rose white / stars
leaf, leaves, leafy: green lime olive gold / leaves
scale: teal turquoise emerald silver / scales
flock, swarm: slate black silver azure / points
glass, crystal, prism: azure white mint violet / mosaic
tile, mosaic: cobalt turquoise white ochre / mosaic
cell: rose violet cream magenta / mosaic
stripe, striped, line, barcode: navy white coral cream / stripes
circle, round, loop, disc: crimson cream navy gold / rings
sphere, ball: crimson azure gold cream / rings
dot, spot, polka, halftone: crimson cream navy gold / dots
check, square, pixel, block, cube, checker, checkered: navy cream crimson gold / checks
grid, mesh, lattice, maze, network: navy cyan magenta azure / grid
swirl, spiral, curl, vortex, curve, curly, whirl, helix, fractal: cobalt teal gold cream / swirls
hatch, crosshatch, scribble: cream grey charcoal / hatch
sketch, drawing, draw, etching, engraving, illustration, doodle: cream white grey charcoal / hatch
triangle, polygon, facet, shard, geometric, geometry, low poly: coral teal navy cream / triangles
hexagon: coral teal navy cream / triangles
arrow: black white red brown / zigzag
zigzag, chevron: navy coral cream gold / zigzag
brush, stroke, brushstroke, paint, painting: ultramarine ochre vermilion cream green / strokes
painter, impasto, palette: ultramarine ochre vermilion cream green / strokes
rectangle: red blue yellow white black / panels
ribbon: crimson rose gold cream / waves
art, artist, artwork, artistic: ultramarine ochre vermilion cream green / strokes
beautiful, beauty, pretty, lovely: rose lavender gold cream / swirls
old, ancient, antique, aged: sepia tan umber ochre / strokes
new, modern, minimal, minimalist, minimalism: white black grey red / panels
simple, plain: cream beige white taupe / fields
fresh, clean, pure: mint white azure lime / fields
realism, realistic, photorealistic: azure green tan slate / dabs
texture, textured, pattern: sienna teal ochre cream / mosaic
car, vehicle, automobile: silver black grey white red / panels
dress: navy white grey black rose / waves
fashion, costume: navy white grey black rose / waves
hat, cap, helmet, umbrella: black brown tan grey / rings
puzzle, jigsaw: red yellow blue green / panels
bag, backpack, suitcase, luggage: brown black tan sienna / strokes
cup, mug, bowl, plate, dish, jar, vase: white cream azure terracotta / rings
kettle: white cream azure terracotta / rings
button, pin, bead: white black tan grey / dots
sofa, couch, cushion, seat, mattress: taupe grey beige brown / weave
sign, poster, sticker, logo: red yellow white black / panels
skirt, clothes, clothing, garment, outfit, apparel: navy black rose white grey / waves
shirt, blouse, t shirt, tee shirt, polo shirt: white azure navy grey / weave
coat, jacket: charcoal black brown navy tan / weave
pot, pan: charcoal silver grey terracotta / rings
bottle: green olive brown azure white / mosaic
ring: gold silver amber cream / rings
target: red white scarlet cream / rings
frame: umber brown gold ochre black / panels
web: silver white slate charcoal / grid
cone, cylinder: coral teal navy cream / triangles
oval, ellipse, arc, semicircle: crimson cream navy gold / rings
pentagon, octagon, rhombus, trapezoid: coral teal navy cream / triangles
pinwheel, whorl: cobalt teal gold cream / swirls
kink, scratch, scratched, scuffed: grey taupe charcoal cream / hatch
speck, speckle, speckled, freckle, freckled, mottled, spotty: crimson cream navy gold / dots
powder, powdery, grainy: cream tan silver beige / points
gloss, glossy, polished, gleam, gleaming, lustrous: silver white gold azure / waves
trickle, dripping, soaking: azure cobalt aqua white / strokes
fizz, froth, frothy, foamy: white azure aqua cream / dots
smear, smudge, splotch: cobalt magenta yellow black white / splatter
heap, pile, stack: tan brown grey beige / mosaic
"""
