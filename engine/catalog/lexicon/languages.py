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
man: mann / homme / hombre / 男 人
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
