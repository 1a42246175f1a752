"""Colours and the most common words in German, French, Spanish and Japanese, by English word.

A word that also exists in English has its English meaning. An English word may have several lines.
"""

# english: german / french / spanish / japanese
OTHERS = """
grey: gray
colorful: colourful
red: rot rote roten roter rotes / rouge rouges / rojo roja rojos rojas / 赤 赤い 紅 あか 真っ赤
orange: orange / / naranja anaranjado / オレンジ 橙
yellow: gelb / jaune / amarillo amarilla / 黄 黄色 黄色い きいろ
green: grün / vert verte verts vertes / verde / 緑 緑色 みどり
turquoise: türkis / / turquesa / 水色 ターコイズ
blue: blau / bleu bleue bleus bleues / azul azules / 青 青い 青色 あお 真っ青
purple: lila violett / pourpre / morado morada púrpura / 紫 紫色 むらさき
violet: / violette / violeta
pink: rosa rosarot / / rosado rosada / ピンク 桃色
brown: braun / brun brune marron / marrón / 茶色 茶 茶色い
white: weiß / blanc blanche blancs / blanco blanca / 白 白い 白色 しろ 真っ白
grey: grau / gris grise / gris / 灰色 グレー
black: schwarz / noir noire noirs / negro negra / 黒 黒い 黒色 くろ 真っ黒
gold: gold golden / doré dorée / dorado dorada oro / 金 金色 ゴールド
silver: silber silbern / argent argenté / plateado plata / 銀 銀色 シルバー
copper: kupfer / cuivre / cobre / 銅
bronze: bronze / / bronce
beige: beige / / / ベージュ
crimson: karminrot blutrot / bordeaux cramoisi / carmesí granate / 深紅 真紅
scarlet: scharlachrot feuerrot / écarlate / escarlata
emerald: smaragd / émeraude / esmeralda
dark: dunkel dunkle dunkler dunkles dunklen finster / / / 暗い 濃い
dark: düster / sombre foncé foncée obscur / oscuro oscura /
light: helle heller helles hellen / clair claire / claro clara / 明るい 薄い
bright: leuchtend strahlend / brillant lumineux lumineuse / brillante luminoso / 輝く
deep: tief / profond profonde / profundo profunda / 深い
pale: blass bleich / / pálido pálida
soft: zart weich sanft / doux douce / suave / やわらかい
vivid: knallig grell kräftig lebhaft / vif vive / vivo viva intenso / 鮮やか
muted: matt gedämpft / mat / apagado apagada
warm: warm warme / chaud chaude / cálido cálida / 暖かい
cold: kalt kalte / froid froide / frío fría / 寒い 冷たい
colorful: bunt farbenfroh / coloré colorée multicolore / colorido colorida / カラフル 色とりどり
water: wasser / eau / agua / 水
sea: meer / mer / mar / 海
ocean: ozean / océan / océano / 大洋 オーシャン
wave: welle / flots / ola olas / 波
river: fluss fluß / rivière fleuve / río / 川 河
stream: bach / ruisseau / arroyo
lake: / lac / lago / 湖
pond: teich / étang / estanque / 池
waterfall: wasserfall wasserfälle / cascade / cascada / 滝
beach: strand / plage / playa / 浜 浜辺 ビーチ
coast: küste / côte / costa / 海岸
harbor: hafen / / puerto / 港
boat: boot schiff / bateau navire / barco / 船
island: insel / île / isla / 島
mountain: berg gebirge / montagne / montaña / 山
hill: hügel / colline / colina / 丘
valley: tal / vallée / valle / 谷
cliff: klippe felsen / falaise / acantilado / 崖
cave: höhle / grotte / cueva / 洞窟
landscape: landschaft / paysage / paisaje / 風景 景色
nature: natur / / naturaleza / 自然
forest: wald / forêt / bosque / 森 森林
tree: baum bäume / arbre / árbol árboles / 木 樹
pine: kiefer fichte tanne / sapin / pino / 松
palm: palme / palmier / palmera / ヤシ
leaf: blatt blätter laub / feuille feuilles feuillage / hoja hojas / 葉
moss: moos / mousse / musgo / 苔
mushroom: pilz / champignon / hongo seta / キノコ
flower: blume blüte / fleur / flor flores / 花
rose: rose / / / 薔薇 バラ
sunflower: sonnenblume / tournesol / girasol / 向日葵 ひまわり
cherry blossom: kirschblüte / cerisier / / 桜 さくら
garden: garten / jardin / jardín / 庭 庭園
park: park / parc / parque / 公園
grass: gras / herbe / hierba césped / 草
meadow: wiese weide / prairie / pradera prado / 草原
field: feld acker / champ champs / campo / 畑 田
desert: wüste / désert / desierto / 砂漠
sand: sand / sable / arena / 砂
stone: stein / pierre / piedra / 石
rock: fels / rocher roche / roca / 岩
earth: erde erd / terre / tierra / 土 大地
world: welt / monde / mundo / 世界
sky: himmel / ciel / cielo / 空 青空
cloud: wolke / nuage / nube nubes / 雲
sun: sonne / soleil / sol / 太陽 日光
moon: mond / lune / luna / 月
star: stern / étoile / estrella / 星
starry: sternenhimmel / étoilé étoilée / estrellado estrellada / 星空
night: nacht / nuit / noche / 夜
midnight: mitternacht / minuit / medianoche / 真夜中
day: / jour journée / día / 昼
morning: morgen / matin / mañana / 朝
noon: mittag / midi / mediodía / 正午
evening: abend / soir / tarde / 夕方 夕暮れ
dusk: dämmerung / crépuscule / crepúsculo / 黄昏
dawn: morgengrauen / aube / alba amanecer madrugada / 夜明け
sunset: sonnenuntergang abendrot / coucher / atardecer ocaso / 夕焼け 夕日
sunrise: sonnenaufgang morgenrot / aurore / / 日の出 朝焼け
rain: regen / pluie / lluvia / 雨
wet: nass nasse nasser nasses / mouillé mouillée humide / mojado mojada húmedo / 濡れた
snow: schnee / neige / nieve / 雪
frost: reif / givre / escarcha / 霜
storm: sturm gewitter / tempête orage / tormenta / 嵐
lightning: blitz / éclair / relámpago rayo / 稲妻 雷
wind: wind / vent / viento / 風
fog: nebel neblig / brouillard brume brumeux / niebla bruma / 霧
ice: eis / glace / hielo / 氷
rainbow: regenbogen / / arcoíris / 虹
fire: feuer / feu / fuego / 火 炎
flame: flamme / /
ash: asche / cendre cendres / ceniza cenizas / 灰
smoke: rauch / fumée / humo / 煙
lava: lava / lave /
volcano: vulkan / volcan / volcán / 火山
spring: frühling frühjahr / printemps / primavera / 春
summer: sommer / été / verano / 夏
autumn: herbst / automne / otoño / 秋 紅葉
winter: winter / hiver / invierno / 冬
christmas: weihnacht weihnachten / noël / navidad / クリスマス
heat: hitze / chaleur / calor / 暑い
shadow: schatten / ombre / sombra / 影
glow: glühend licht / lumière / luz / 光
darkness: dunkelheit finsternis / obscurité ténèbres / oscuridad / 闇 暗闇
city: stadt städte / ville cité / ciudad ciudades / 街 都市 町
village: dorf / / pueblo aldea / 村
house: haus / maison / casa / 家
castle: schloss schloß burg / château / castillo / 城
church: kirche / église / iglesia / 教会 寺
temple: tempel / / templo / 神社
tower: turm / / torre / 塔
bridge: brücke / pont / puente / 橋
ruin: ruine / ruines / ruina ruinas / 廃墟
wall: mauer wand / mur / muro pared / 壁
window: fenster / fenêtre / ventana / 窓
mirror: spiegel / miroir / espejo / 鏡
road: straße weg / chemin rue / calle camino carretera / 道
asphalt: / asphalte / asfalto / アスファルト
train: zug bahn / / tren / 電車
space: weltraum weltall / espace / espacio / 宇宙
man: mann männer / homme / hombre / 男 人
woman: frau / femme / mujer / 女
people: mensch / gens / gente / 人々
child: kinder / enfant / niño niña / 子供
face: gesicht / visage / cara rostro / 顔
eye: auge / œil yeux / ojo ojos / 目
skin: haut / peau / piel / 肌
hair: haar / cheveux / pelo cabello / 髪
heart: herz / cœur / corazón / 心
love: liebe / amour / amor / 愛
happy: glücklich fröhlich / heureux heureuse / feliz / 幸せ
joy: freude / joie / alegría / 喜び
sad: traurig / / triste / 悲しい
lonely: einsam / seul seule solitaire / / 寂しい
angry: wütend / / enojado furioso / 怒り
calm: ruhig / calme / tranquilo tranquila calma / 静か
fear: angst / peur / miedo / 恐怖
mysterious: geheimnisvoll / mystérieux / misterioso / 神秘
beautiful: schön / belle / hermoso hermosa bello / 美しい きれい
old: alte altes alten / vieux vieille / viejo vieja antiguo / 古い
modern: / moderne / moderno moderna
ugly: hässlich / / feo fea
cute: niedlich süß / mignon / lindo linda / かわいい
wild: / sauvage / salvaje
dream: traum / rêve / sueño / 夢
nightmare: albtraum / cauchemar / pesadilla / 悪夢
death: tod / mort / muerte / 死
life: leben / vie / vida / 命
war: krieg / guerre / guerra / 戦争
music: musik / musique / música / 音楽
dance: tanz / danse / baile danza / 踊り
animal: tier / / / 動物
dog: hund / chien / perro / 犬
cat: katze / / gato / 猫
horse: pferd / cheval chevaux / caballo / 馬
bird: vogel vögel / oiseau oiseaux / pájaro / 鳥
wolf: wolf / loup / lobo / 狼
bear: bär / ours / oso / 熊
lion: löwe / / león / ライオン
tiger: tiger / tigre / / 虎
fox: fuchs / renard / zorro / 狐
snake: schlange / / serpiente / 蛇
fish: fisch / poisson / pez pescado / 魚
whale: wal / baleine / ballena / 鯨
butterfly: schmetterling / papillon / mariposa / 蝶
bee: biene / abeille / abeja / 蜂
spider: spinne / araignée / araña / 蜘蛛
dragon: drache / / dragón / 竜 龍
wood: holz / bois / madera / 木材
metal: metall / métal / / 金属
iron: eisen / fer / hierro / 鉄
steel: stahl / acier / acero / 鋼
rust: rost rostig / rouille rouillé / óxido oxidado / 錆
glass: glas / verre / vidrio cristal / ガラス
concrete: beton / béton / hormigón / コンクリート
marble: marmor / marbre / mármol / 大理石
silk: seide / soie / seda / 絹
velvet: samt / velours / terciopelo
leather: leder / cuir / cuero / 革
paper: papier / / papel / 紙
brick: ziegel / brique / ladrillo / 煉瓦
blood: blut / sang / sangre / 血
bone: knochen / os / hueso / 骨
skull: schädel totenkopf / crâne / calavera cráneo / 骸骨
bread: brot / / / 食パン
fruit: obst frucht früchte / / fruta / 果物
berry: beere / baie / baya
wine: wein / vin / vino / ワイン
coffee: kaffee / café / / コーヒー
tea: tee / thé / té / お茶
honey: honig / miel / / 蜂蜜
apple: apfel / pomme / manzana / りんご
lemon: zitrone / citron / limón / レモン
cherry: kirsche / cerise / cereza / さくらんぼ
strawberry: erdbeere / fraise / fresa / いちご
grape: traube / raisin / uva / 葡萄
chocolate: schokolade / chocolat / / チョコレート
painting: gemälde malerei / peinture tableau / pintura cuadro / 絵 絵画
oil: öl / huile / óleo / 油絵
watercolor: aquarell / / acuarela / 水彩 水彩画
ink: tinte tusche / encre / tinta / 墨
sketch: skizze zeichnung / dessin croquis / dibujo boceto / スケッチ
stained glass: / vitrail vitraux / vidriera / ステンドグラス
circle: kreis / cercle / círculo / 円 丸
stripe: streifen / rayures / rayas / 縞
dot: punkt / pois / puntos / 水玉
square: quadrat / carré / cuadrado / 四角
triangle: dreieck / / triángulo / 三角
line: linie / ligne / línea / 線
galaxy: galaxie / / galaxia / 銀河
neon: neon / néon / neón / ネオン
ghost: geist / fantôme / fantasma / 幽霊
angel: engel / ange / ángel / 天使
devil: teufel / diable / diablo / 悪魔
witch: hexe / sorcière / bruja / 魔女
queen: königin / reine / reina / 女王
king: könig / roi / rey / 王
magic: magie magisch zauber / magique / mágico magia / 魔法
future: zukunft futuristisch / futur / futuro / 未来
robot: roboter / / / ロボット
machine: maschine / / máquina / 機械
toy: spielzeug / jouet / juguete / おもちゃ
foam: schaum / écume mousseux / espuma / 泡
candlelight: kerzenlicht / chandelle / / キャンドル
candle: kerze / bougie / vela / 蝋燭 ろうそく
rainy: regnerisch verregnet / pluvieux pluvieuse / lluvioso lluviosa / 雨の
foggy: nebelig diesig / brumeuse / brumoso brumosa neblinoso / 霧の
cloudy: bewölkt wolkig bedeckt / nuageux nuageuse / nublado nublada nuboso / 曇り 曇天
sunny: sonnig / ensoleillé ensoleillée / soleado soleada / 晴れ
snowy: verschneit schneebedeckt / enneigé enneigée / nevado nevada / 雪景色
windy: windig / venteux / ventoso /
stormy: stürmisch / orageux orageuse / tormentoso / 荒れた
icy: eisig / glacé glacée glacial / helado helada /
frosty: frostig / givré givrée / /
starry: sternklar /
hot: heiß heiss / / caliente / 熱い
dry: trocken / sèche / seco seca / 乾いた
cool: kühl / fraîche / fresca / 涼しい
lavender: lavendel / lavande / lavanda / ラベンダー
lilac: flieder /
beige: / / / ベージュ色
cream: creme cremefarben / crème / crema / クリーム
ivory: elfenbein / ivoire / marfil / 象牙
amber: bernstein / ambre / ámbar / 琥珀
indigo: / / añil índigo / 藍 藍色
coral: koralle / corail / / 珊瑚
salmon: lachs / saumon / salmón / サーモン
peach: pfirsich / pêche / melocotón durazno / 桃
apricot: aprikose / abricot / albaricoque / 杏
olive: oliv / / oliva / オリーブ
lime: limette / / / ライム
mint: minze minzgrün / menthe / menta / ミント
ochre: ocker / ocre / / 黄土色
sienna: / sienne / siena /
mustard: senf senfgelb / moutarde / mostaza / からし色
burgundy: weinrot burgunderrot / / burdeos /
magenta: / / / マゼンタ
fuchsia: / / fucsia /
cyan: zyan / / cian / シアン
navy: marineblau dunkelblau / / / 紺 紺色 紺碧
azure: azurblau / / celeste / 空色
ultramarine: ultramarin / outremer / ultramar / 群青
teal: petrol blaugrün / pétrole / / 青緑
chestnut: kastanie kastanienbraun / châtaigne châtain / castaña castaño / 栗色
charcoal: anthrazit holzkohle / charbon / carbón / 炭
pearl: perle / perle / perla / 真珠
ruby: rubin / rubis / rubí / ルビー
sapphire: saphir / saphir / zafiro / サファイア
jade: / / / 翡翠
turquoise: / / turquesas /
monochrome: einfarbig monochrom schwarzweiß schwarzweiss / / monocromo monocromático / モノクロ 白黒
sepia: / sépia / / セピア
pastel: / / / パステル
neon: neonlicht neonlichter / / / 蛍光
golden: goldene goldener goldenes goldenen vergoldet / / áureo / 黄金
shiny: glänzend / / reluciente / 光沢
sparkle: funkeln glitzer / étincelle paillettes / destello / きらきら
sparkle: glitzern glitzernd / scintillant / brillo / キラキラ
glow: glühen leuchten / lueur / resplandor fulgor / 輝き 灯り
ray: strahl lichtstrahl sonnenstrahl / / / 光線
shadow: schattig / ombragé / sombrío /
moonlight: mondlicht mondschein / / / 月光 月明かり
full moon: vollmond / / / 満月
sunlight: sonnenlicht sonnenschein / / / 日差し
milky way: milchstraße milchstrasse / / / 天の川
comet: komet / comète / cometa / 彗星
planet: / planète / planeta / 惑星
universe: universum / univers / universo /
aurora: polarlicht nordlicht / / / オーロラ
horizon: / / horizonte / 地平線 水平線
thunder: donner / tonnerre / trueno /
hail: hagel / grêle / granizo / 雹
drought: dürre / sécheresse / sequía /
flood: überschwemmung hochwasser / inondation / inundación / 洪水
tornado: wirbelsturm / tornade / / 竜巻
hurricane: orkan / ouragan / huracán / 台風
heat: / canicule / /
dew: / rosée / rocío / 露
drop: tropfen regentropfen / goutte / gota / 雫 しずく
puddle: pfütze / flaque / charco /
bubble: blase seifenblase / bulle / burbuja / シャボン玉
steam: dampf / vapeur / / 湯気
ocean: / / / 大海
tide: gezeiten / marée / marea / 潮
surf: brandung /
bay: bucht / / bahía / 湾
sea: meeresblau /
lake: bergsee / / / 湖畔
fountain: brunnen springbrunnen / fontaine / fuente / 噴水
stream: quelle / / manantial / 泉
canal: kanal / / / 運河
glacier: gletscher / / glaciar / 氷河
iceberg: eisberg /
swamp: sumpf / marais marécage / pantano / 沼
lighthouse: leuchtturm / phare / faro / 灯台
ship: / navires / buque velero / 帆船
sail: segel segelboot / voile voilier / /
pool: schwimmbad / piscine / piscina / プール
underwater: unterwasser / / / 水中 海中
coral reef: korallenriff / / arrecife / 珊瑚礁
shell: muschel / coquillage / concha / 貝 貝殻
fishing: / pêcheur / pescador /
peak: gipfel / / cumbre / 頂上 山頂
alps: alpen / alpes / /
dune: düne / / duna / 砂丘
canyon: schlucht /
steppe: steppe / / estepa /
jungle: dschungel urwald / / selva jungla / ジャングル
countryside: / campagne / campiña / 田舎
farm: bauernhof / ferme / granja / 農場
vineyard: weinberg / vignoble / viñedo / 葡萄畑
rice: reis / riz / arroz / 米
wheat: weizen / blé / trigo / 麦
straw: stroh / paille / paja / 藁
hay: heu / foin / heno /
corn: / maïs / maíz /
bush: busch strauch / buisson arbuste / arbusto /
branch: zweig / branche / / 枝
root: wurzel / racine / raíz / 根
seed: samen / graine / semilla / 種
bark: rinde borke / écorce / corteza / 樹皮
oak: eiche / chêne / roble / 樫
birch: birke / bouleau / abedul / 白樺
maple: ahorn / érable / arce / 楓 もみじ 紅葉狩り
willow: / saule / / 柳
bamboo: bambus / bambou / bambú / 竹 竹林
fern: farn / fougère / helecho /
ivy: efeu / lierre / hiedra /
cactus: kaktus kakteen / / / サボテン
reed: schilf / roseau / junco /
clover: klee / trèfle / trébol /
tulip: tulpe / tulipe / tulipán / チューリップ
lily: lilie / lys / lirio / 百合
orchid: orchidee / orchidée / orquídea / 蘭
poppy: mohn mohnblume / coquelicot / amapola / 罌粟
daisy: gänseblümchen / marguerite pâquerette / margarita / 雛菊
dandelion: löwenzahn / pissenlit / / たんぽぽ
lotus: / / / 蓮
wisteria: / glycine / glicinia / 藤
hydrangea: hortensie / / hortensia / 紫陽花
chrysanthemum: / / / 菊
bouquet: blumenstrauß /
thorn: dorn / épine / espina /
algae: alge algen / algue / alga / 海藻
weed: unkraut /
elephant: elefant / éléphant / elefante / 象
monkey: affe / / / 猿
rabbit: hase kaninchen / lapin / conejo / 兎 うさぎ
mouse: maus mäuse / souris / ratón / 鼠 ねずみ
rat: ratte /
squirrel: eichhörnchen / écureuil / ardilla / リス
deer: hirsch reh / cerf biche / ciervo / 鹿
cow: kuh kühe / vache / vaca / 牛
bull: stier / taureau / toro /
pig: schwein / cochon porc / cerdo / 豚
sheep: schaf / mouton / oveja / 羊
goat: ziege / chèvre / cabra / 山羊
chicken: huhn hühner / poulet poule / pollo gallina / 鶏
rooster: hahn / / gallo /
duck: ente / / pato / 鴨
goose: gans gänse / / ganso /
swan: schwan schwäne / cygne / cisne / 白鳥
eagle: adler / aigle / águila / 鷲
owl: eule / hibou chouette / búho / 梟
crow: krähe rabe / corbeau / cuervo / 烏 カラス
pigeon: taube / / paloma / 鳩
parrot: papagei / perroquet / loro / オウム
peacock: pfau / paon / / 孔雀
flamingo: / flamant / / フラミンゴ
heron: kranich / grue / grulla / 鶴
feather: feder / plume / pluma / 羽 羽根
wing: flügel / aile / ala / 翼
frog: frosch frösche / grenouille / rana / 蛙
turtle: schildkröte / tortue / tortuga / 亀
crocodile: krokodil / / cocodrilo /
lizard: eidechse / lézard / lagarto /
shark: hai haifisch / requin / tiburón / 鮫
dolphin: delfin delphin / dauphin / delfín / イルカ
octopus: krake tintenfisch / pieuvre poulpe / pulpo / 蛸
jellyfish: qualle / méduse / / クラゲ
crab: krebs krabbe / crabe / cangrejo / 蟹
goldfish: / / / 金魚
koi: / / / 鯉
ant: ameise / fourmi / hormiga / 蟻
fly: fliege / / mosca /
beetle: käfer / scarabée / escarabajo /
snail: schnecke / escargot / caracol /
worm: wurm / / gusano /
dragonfly: libelle / libellule / libélula / 蜻蛉
firefly: glühwürmchen / luciole / luciérnaga / 蛍 ホタル
tail: schwanz / / / 尾
fur: pelz / fourrure / pelaje / 毛皮
giraffe: / girafe / jirafa / キリン
camel: kamel / chameau / camello / ラクダ
panda: / / / パンダ
penguin: pinguin / pingouin manchot / pingüino / ペンギン
zebra: / zèbre / cebra / シマウマ
dinosaur: dinosaurier / dinosaure / dinosaurio / 恐竜
food: nahrung / nourriture / comida / 食べ物
vegetable: gemüse / légume / verdura / 野菜
salad: salat / salade / ensalada /
tomato: tomate / / / トマト
potato: kartoffel / patate / patata /
carrot: karotte möhre / carotte / zanahoria / 人参
onion: zwiebel / oignon / cebolla / 玉ねぎ
garlic: knoblauch / / ajo /
pumpkin: kürbis / citrouille potiron / calabaza / 南瓜 かぼちゃ
mushroom: / champignons / champiñón /
pepper: pfeffer paprikaschote / poivre poivron / pimienta pimiento / 胡椒
salt: salz / sel / / 塩
sugar: zucker / sucre / azúcar / 砂糖
meat: fleisch / viande / carne / 肉
egg: eier / œuf œufs / huevo / 卵
cheese: käse / fromage / queso / チーズ
butter: / beurre / mantequilla / バター
milk: milch / lait / leche / 牛乳 ミルク
cake: kuchen torte / gâteau / tarta / ケーキ
candy: bonbon süßigkeit süßigkeiten / bonbons sucrerie / dulce caramelo / 飴 お菓子
ice cream: speiseeis eiscreme / / / アイスクリーム
banana: banane / / plátano / バナナ
pear: birne / poire / pera / 梨
pineapple: / / piña / パイナップル
watermelon: wassermelone / pastèque / sandía / スイカ
melon: melone /
raspberry: himbeere / framboise / frambuesa /
blueberry: heidelbeere blaubeere / myrtille / arándano /
blackberry: brombeere / mûre / /
plum: pflaume zwetschge / / ciruela / 梅
nut: nuss nüsse / noix noisette / nuez /
almond: mandel / amande / almendra /
beer: bier / bière / cerveza / ビール
juice: saft / / zumo jugo / ジュース
drink: getränk / / bebida /
soup: suppe / soupe / sopa / スープ
oil: / / aceite /
spice: gewürz / épice / especia /
house: / / / 家屋
roof: dach dächer / toit / tejado techo / 屋根
door: tür türen / porte / puerta / 扉 ドア
stairs: treppe / escalier / escalera / 階段
room: zimmer / chambre / habitación / 部屋
kitchen: küche / cuisine / cocina / 台所
bed: bett / / cama / ベッド
table: tisch / / mesa / テーブル
chair: stuhl stühle sessel / chaise / silla / 椅子
lamp: lampe leuchte / / lámpara / ランプ
lantern: laterne / lanterne / farol / 提灯 ランタン
clock: uhr / horloge montre / reloj / 時計
fence: zaun / clôture / valla /
gate: / portail / portón / 門 鳥居
basement: keller / / sótano /
tunnel: / / túnel / トンネル
factory: fabrik / usine / fábrica / 工場
school: schule / école / escuela / 学校
hospital: krankenhaus / hôpital / / 病院
market: markt / / mercado / 市場
shop: geschäft / magasin / tienda / 店
bar: kneipe / / / 酒場 バー
theater: theater / théâtre / teatro / 劇場
stage: bühne / / escenario / 舞台
museum: / musée / museo / 美術館 博物館
library: bibliothek bücherei / bibliothèque / biblioteca / 図書館
book: buch bücher / livre / libro / 本
newspaper: zeitung / / periódico / 新聞
letter: / lettre / carta / 手紙
map: landkarte karte / / mapa / 地図
station: bahnhof / gare / estación / 駅
airport: flughafen / aéroport / aeropuerto / 空港
plane: flugzeug / / avión / 飛行機
car: auto autos wagen / voiture / coche / 車 自動車
bicycle: fahrrad / vélo / bicicleta / 自転車
motorcycle: motorrad / / motocicleta / バイク
bus: / autobus / autobús / バス
shipwreck: schiffswrack / épave / naufragio /
rocket: rakete / fusée / cohete / ロケット
spaceship: raumschiff / / / 宇宙船
astronaut: raumfahrer / astronaute / astronauta / 宇宙飛行士
street lamp: straßenlaterne straßenlampe / lampadaire réverbère / farola / 街灯
alley: gasse / ruelle / callejón / 路地
plaza: / / plaza / 広場
skyscraper: wolkenkratzer hochhaus / / rascacielos / 高層ビル 摩天楼
building: gebäude / bâtiment immeuble / edificio / 建物 ビル
palace: palast / palais / palacio / 宮殿
cathedral: kathedrale / cathédrale / catedral / 大聖堂
monastery: kloster / monastère / monasterio /
pyramid: pyramide / / pirámide / ピラミッド
cemetery: friedhof / cimetière / cementerio / 墓地
grave: / tombe / tumba / 墓
prison: gefängnis / / prisión cárcel /
hut: hütte / cabane / cabaña / 小屋
tent: zelt / tente / carpa /
circus: zirkus / cirque / circo / サーカス
clown: / / payaso / 道化
party: feier fest / fête / / パーティー 祭り お祭り
carnival: karneval fasching / carnaval / /
wedding: hochzeit / mariage / boda / 結婚式
birthday: geburtstag / anniversaire / cumpleaños / 誕生日
gift: geschenk / cadeau / regalo /
easter: ostern / pâques / pascua /
firework: feuerwerk / / / 花火
game: spiel / jeu / juego / ゲーム
ball: / / pelota balón /
doll: puppe / poupée / muñeca / 人形
mask: maske / masque / máscara / 仮面
crown: krone / couronne / / 王冠
sword: schwert / épée / espada / 剣 刀
shield: / bouclier / escudo /
knight: ritter / chevalier / caballero / 騎士
warrior: krieger / guerrier / guerrero / 戦士
soldier: soldat / / soldado / 兵士
weapon: waffe / / arma / 武器
bomb: bombe / / bomba /
princess: prinzessin / princesse / princesa / 姫
prince: prinz / / príncipe / 王子
god: gott / dieu / dios / 神
monster: ungeheuer / monstre / monstruo / 怪物 モンスター
zombie: / / / ゾンビ
vampire: vampir / / vampiro / 吸血鬼
fairy: / / hada / 妖精
elf: elfe / elfe / /
giant: riese / géant / gigante / 巨人
wizard: zauberer / sorcier / mago brujo / 魔法使い
unicorn: einhorn / licorne / unicornio / ユニコーン
pirate: pirat / / / 海賊
ninja: / / / 忍者
samurai: / / / 侍
alien: außerirdischer / extraterrestre / alienígena / 宇宙人
heaven: / / / 天国
hell: hölle / enfer / infierno / 地獄
paradise: paradies / paradis / paraíso / 楽園
cross: kreuz / croix / cruz / 十字架
prayer: gebet / prière / oración / 祈り
baby: / bébé / bebé / 赤ちゃん
girl: mädchen / fille / chica / 少女
boy: / garçon / chico / 少年
mother: mutter / mère / madre / 母
father: vater / père / padre / 父
family: familie / famille / familia / 家族
friend: freund freundin / ami amie / amigo amiga / 友達
old man: greis / vieillard / anciano / 老人
crowd: menschenmenge / foule / multitud / 群衆
head: kopf / tête / cabeza / 頭
mouth: mund / bouche / boca / 口
hand: hand hände / / mano manos / 手
finger: / doigt / dedo / 指
foot: fuß fuss füße / pied / / 足
leg: bein / jambe / pierna /
body: körper / / cuerpo / 体
tooth: zahn zähne / dents / diente / 歯
ear: ohr / oreille / oreja / 耳
nose: nase / nez / nariz / 鼻
tear: träne tränen / larme larmes / lágrima / 涙
brain: gehirn / cerveau / cerebro / 脳
smile: lächeln / sourire / sonrisa / 笑顔
kiss: kuss / baiser / beso / キス
hug: umarmung / / abrazo /
laughter: lachen / / risa /
rage: zorn / colère / rabia / 激怒
sadness: traurigkeit trauer / tristesse / tristeza / 悲しみ
melancholy: melancholie wehmut / mélancolie / melancolía / 憂鬱
nostalgia: / nostalgie / / 懐かしい ノスタルジア
loneliness: einsamkeit / / soledad / 孤独
hope: hoffnung / espoir / esperanza / 希望
peace: frieden / paix / / 平和
silence: stille / silence / silencio / 静寂
chaos: / / / 混沌 カオス
energy: energie / énergie / energía / エネルギー
power: / puissance / poder /
freedom: freiheit / liberté / libertad / 自由
happiness: glück / bonheur / felicidad / 幸福
desire: / désir / deseo /
pain: schmerz / douleur / dolor / 痛み
madness: wahnsinn / / locura / 狂気
panic: panik / panique / pánico /
eternity: ewigkeit / éternité / eternidad / 永遠
infinity: unendlichkeit / infini / infinito / 無限
void: leere / / vacío / 虚無
secret: geheimnis / / secreto / 秘密
song: / chanson / canción / 歌
guitar: gitarre / guitare / guitarra / ギター
piano: klavier / / / ピアノ
violin: geige violine / violon / violín / バイオリン
drum: trommel schlagzeug / tambour / tambor / 太鼓
bell: glocke / / campana / 鐘 鈴
flute: flöte / flûte / flauta / 笛
concert: konzert / / concierto / コンサート
art: kunst / / / 芸術 アート
artist: künstler künstlerin / artiste / artista / 芸術家
paint: farbfleck /
brush: pinsel / pinceau / pincel / 筆
pencil: bleistift / / lápiz / 鉛筆
chalk: kreide / craie / tiza / チョーク
pastels: pastell pastellfarben /
fresco: fresko / fresque / /
mosaic: mosaik / mosaïque / mosaico / モザイク
sculpture: skulptur / / escultura / 彫刻 彫像
portrait: porträt / / retrato / 肖像画
comic: / / / 漫画
collage: / / / コラージュ
graffiti: / / / 落書き
abstract: abstrakt / abstrait abstraite / abstracto abstracta / 抽象 抽象的
realistic: realistisch / réaliste / realista /
surreal: / surréaliste surréel / surrealista / 超現実
impressionism: impressionismus / impressionnisme / impresionismo / 印象派
impressionism: impressionistisch / impressionniste / impresionista /
expressionism: expressionismus / expressionnisme / expresionismo /
cubism: kubismus / cubisme / cubismo /
baroque: barock / / barroco /
gothic: gotisch / gothique / gótico /
medieval: mittelalter mittelalterlich / médiéval médiévale / / 中世
victorian: viktorianisch / victorien victorienne / victoriano /
futuristic: / futuriste / futurista / 未来的
vintage: / / / ヴィンテージ
retro: / rétro / / レトロ
cyberpunk: / / / サイバーパンク
psychedelic: psychedelisch / psychédélique / psicodélico psicodélica / サイケデリック
romantic: romantisch / romantique / romántico romántica / ロマンチック
mystical: mystisch / mystique / místico mística / 神秘的
magical: / / mágicos / 魔法の
dreamy: verträumt traumhaft / onirique rêveur / onírico / 夢のような 幻想的
eerie: unheimlich gruselig / inquiétant sinistre / inquietante siniestro / 不気味
creepy: / effrayant / escalofriante / 怖い
gloomy: trüb trübe / morose maussade / lúgubre / 陰気
elegant: / élégant élégante / elegante / 優雅
luxurious: luxuriös / luxueux luxueuse / lujoso lujosa / 豪華
cozy: gemütlich / douillet / acogedor / 居心地
funny: lustig / drôle / divertido / 面白い
crazy: verrückt / folle / loca / 狂った
quiet: leise / silencieux silencieuse / silencioso silenciosa /
peaceful: friedlich / paisible / pacífico apacible / 穏やか
fresh: frisch / / / 新鮮
clean: sauber / propre / limpio limpia / 清潔
dirty: schmutzig dreckig / / sucio sucia / 汚い
broken: zerbrochen kaputt gebrochen / cassé cassée brisé / roto rota quebrado / 壊れた
abandoned: verlassen / abandonné abandonnée / abandonado abandonada / 廃れた
ancient: uralt / ancien ancienne antique / / 古代
new: neu / nouveau nouvelle / nuevo nueva / 新しい
simple: einfach schlicht / / sencillo / シンプル
transparent: durchsichtig / / transparente / 透明
liquid: flüssig flüssigkeit / / líquido / 液体
frozen: gefroren / gelé gelée / congelado congelada / 凍った
fire: brennend / brûlant ardent / ardiente / 燃える
burnt: verbrannt / brûlé brûlée / quemado quemada / 焦げた
molten: geschmolzen / fondu / fundido /
dusty: staubig / poussiéreux poussiéreuse / polvoriento /
dust: staub / poussière / polvo / 塵 埃
mud: schlamm / boue / barro lodo / 泥
clay: lehm / argile / arcilla / 粘土
smoky: rauchig / / ahumado /
hazy: dunst dunstig / voilé / calima / 霞
blurry: verschwommen unscharf / floue / borroso borrosa / ぼやけた
soft: weiche weicher /
floral: blumig geblümt / fleuri fleurie / florido florida / 花柄
striped: gestreift / rayé rayée / rayado rayada / 縞模様
checkered: kariert / / / チェック 市松
pattern: muster / / / 模様 パターン
texture: textur / / textura /
spiral: spirale / spirale / espiral / 螺旋
grid: gitter raster / grille / cuadrícula rejilla / 格子
net: netz / filet / / 網
cube: würfel / / cubo / 立方体
sphere: kugel / sphère / esfera / 球
arrow: pfeil / flèche / flecha / 矢
chain: kette / chaîne / cadena / 鎖
key: schlüssel / clé clef / llave / 鍵
coin: münze / / moneda / 硬貨
money: geld / / dinero / お金
treasure: schatz / trésor / tesoro / 宝 宝物
jewel: juwel edelstein / bijou bijoux joyau / joya / 宝石
diamond: diamant / / diamante / ダイヤモンド
crystal: kristall / / / 水晶 クリスタル
ring: / bague anneau / anillo / 指輪
aluminum: / / aluminio /
brass: messing / laiton / latón / 真鍮
chrome: chrom / / cromo /
tin: blech zinn / étain / estaño /
plastic: plastik kunststoff / plastique / plástico / プラスチック
rubber: gummi / caoutchouc / caucho / ゴム
wax: wachs / cire / cera / 蝋
ceramic: keramik / céramique / cerámica / 陶器
porcelain: porzellan / porcelaine / porcelana / 磁器
fabric: stoff gewebe / tissu étoffe / tela tejido / 布
cotton: baumwolle / coton / algodón / 綿
linen: leinen / lin / lino / 麻
wool: wolle / laine / lana / 羊毛
lace: / dentelle / encaje / レース
carpet: teppich / tapis / alfombra / 絨毯
cardboard: karton pappe / / cartón / 段ボール
dress: kleid / / vestido / ドレス
kimono: / / / 着物
hat: hut hüte / chapeau / / 帽子
shoe: schuh / chaussure / zapato / 靴
shirt: hemd / chemise / camisa / シャツ
coat: mantel / manteau / abrigo /
umbrella: regenschirm / parapluie / paraguas / 傘
bag: tasche / / bolsa / 鞄
bottle: flasche / bouteille / botella / 瓶
cup: tasse becher / / / カップ
plate: teller / assiette / plato / 皿
knife: messer / couteau / cuchillo /
fork: gabel / fourchette / tenedor /
spoon: löffel / cuillère / cuchara /
box: kiste schachtel / boîte / caja / 箱
wheel: reifen / roue / rueda /
gear: zahnrad / engrenage / engranaje / 歯車
tool: werkzeug / outil / herramienta / 道具
hammer: / marteau / martillo /
nail: nagel / clou / clavo /
cable: kabel / câble / /
screen: bildschirm / écran / pantalla / 画面
computer: rechner / ordinateur / ordenador computadora / コンピュータ コンピューター
digital: / numérique / / デジタル
electric: elektrisch / électrique / eléctrico eléctrica / 電気
electronic: elektronisch / électronique / electrónico electrónica / 電子
camera: kamera / / cámara / カメラ
television: fernseher / téléviseur télévision / televisor televisión / テレビ
radio: / / / ラジオ
phone: telefon / téléphone / teléfono / 電話
explosion: / / explosión / 爆発
ember: / braise / brasa /
coal: kohle / / / 石炭
north pole: nordpol /
tropical: tropisch / / / 熱帯
spring: frühlings /
china: / / / 中国
japan: / japon / japón / 日本
france: frankreich / / francia / フランス
germany: deutschland / allemagne / alemania / ドイツ
italy: italien / italie / italia / イタリア
spain: spanien / espagne / españa / スペイン
greece: griechenland / grèce / grecia /
egypt: ägypten / égypte / egipto / エジプト
india: indien / inde / / インド
africa: afrika / afrique / áfrica / アフリカ
america: amerika / amérique / américa / アメリカ
europe: europa / / / ヨーロッパ
russia: russland / russie / rusia /
mexico: mexiko / mexique / méxico /
venice: venedig / venise / venecia /
london: / londres / /
tokyo: / / / 東京
kyoto: / / / 京都
paris: / / / パリ
lip: lippe / lèvre / labio / 唇
polka: gepunktet getupft / / punteado /
glass: gläsern /
wooden: hölzern /
stone: steinern /
iron: eisern /
silk: seiden seidig / soyeux soyeuse / sedoso sedosa
velvet: samtig / velouté /
metallic: metallisch / métallique / metálico metálica / メタリック
floral: / floral florale
moss: moosig / moussu /
sandy: sandig / sablonneux / arenoso
rocky: felsig steinig / rocheux rocheuse / rocoso rocosa / 岩だらけ
fiery: feurig / enflammé enflammée / ígneo
bloody: blutig / sanglant / sangriento
wintry: winterlich / hivernal / invernal / 冬の
autumnal: herbstlich / automnal automnale / otoñal / 秋の
springtime: frühlingshaft / printanier /
nocturnal: nächtlich / nocturne / nocturno nocturna / 夜の
urban: städtisch / urbain urbaine / urbano / 都会
rural: ländlich / champêtre / / 田園
solar: / solaire /
lunar: / lunaire /
wave: / vagues / oleaje / 波浪 荒波
bloom: blühend blühen / éclos / florecido florecida / 花びら 咲く
stormy: aufgewühlt tosend / déchaîné déchaînée agité agitée / agitado agitada /
fire: lodernd flammend brennende / flamboyant flamboyante embrasé / llameante encendido /
foam: schäumend / / espumoso espumosa /
enchanted: verzaubert verwunschen / enchanté enchantée ensorcelé / encantado encantada / 魔法の森
snowy: beschneit / / / 雪の 雪の降る 積雪
rainy: / / / 雨降り
rain: nieselregen / crachin / llovizna / 小雨 大雨
haunted: spukend / hanté hantée / embrujado embrujada /
glowing: glimmend leuchtende / luminescent / / 光る
sparkle: glitzernde schimmernd / scintillante chatoyant / centelleante /
twilight: zwielicht / / / 薄明
sun: / ensoleillement / / お日様
overgrown: überwuchert verwachsen / envahi / /
lush: üppig / luxuriant luxuriante / exuberante frondoso /
cracked: rissig / fissuré fissurée / agrietado agrietada / ひび割れ
rusty: verrostet verrostete / rouillée / oxidada / 錆びた
weathered: verwittert / / desgastado / 風化
faded: verblasst ausgeblichen / délavé fané / desteñido /
colorful: bunte bunter buntes / multicolores / / 虹色 鮮やかな
transparent: durchscheinend / translucide / translúcido / 透明な
rough: rau rauh / rugueux rugueuse / áspero áspera /
spooky: geisterhaft / fantomatique / fantasmal / お化け
ghostly: gespenstisch gespenst / spectral / espectral /
sinister: finstere / / siniestra /
silent: lautlos / / silenciosos / 静かな
happy: glückliche / joyeux joyeuse / alegre contento / 楽しい
sad: trauriger / mélancolique / melancólico / 哀しい
furious: zornig / furieux furieuse / furiosa /
lonely: / esseulé / solitario solitaria /
tender: zärtlich / tendre / tierno tierna /
wild: / / salvajes /
powerful: mächtig kräftige / puissant puissante / poderoso poderosa / 力強い
gentle: sanfte /
mysterious: rätselhaft / énigmatique / enigmático misteriosa / 神秘的な
ancient: altertümlich / antiques / antigua / 古代の
ruins: trümmer / décombres / escombros /
medieval: mittelalterliche /
baroque: barocke /
neon: neonfarben / fluo / /
electric: elektrische /
metallic: / métalliques / /
underwater: / / submarino submarina /
tropical: tropische / tropicale / /
celestial: himmlisch / céleste / /
cosmic: kosmisch / cosmique / cósmico cósmica / 宇宙の
lunar: / / lunares /
nebula: / nébuleuse / nebulosa / 星雲
meteor: sternschnuppe / / meteoro / 流れ星
harvest: ernte / moisson récolte / cosecha /
hay: heuballen /
meadow: blumenwiese almwiese /
snowman: schneemann / / / 雪だるま
snowflake: schneeflocke / flocon / copo /
icicle: eiszapfen / glaçon / carámbano / 氷柱
avalanche: lawine / / alud /
lightning: blitze / foudre / relámpagos / 雷光
sail: segelschiff /
campfire: lagerfeuer / / hoguera fogata / 焚き火
torch: fackel / flambeau torche / antorcha / 松明
fireplace: kamin / cheminée / chimenea / 暖炉
firefly: / / / 蛍火
candle: kerzen / cierge / / 灯
sugar: zuckerwatte /
strawberry: / fraises / /
vegetable: / légumes / /
curtain: vorhang / rideau / cortina / カーテン
carnival: / / / カーニバル
parade: umzug / défilé / desfile /
fog: nebelschwaden / / neblina / 濃霧
mirror: spiegelung /
mirror: / miroirs / /
shadow: / ombres / /
"""

COLUMNS = ("german", "french", "spanish", "japanese")


def meant() -> dict[str, dict[str, str]]:
    """For each language, its words with the English one; `english` has alternative spellings."""
    found: dict[str, dict[str, str]] = {"english": {}} | {column: {} for column in COLUMNS}
    for row in OTHERS.strip().splitlines():
        english, _, words = row.partition(":")
        columns = words.split("/")
        names = COLUMNS if len(columns) > 1 else ("english",)
        for name, column in zip(names, columns, strict=False):
            found[name] |= dict.fromkeys(column.split(), english)
    return found
