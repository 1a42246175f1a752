"""Colours and the commonest words in German, French, Spanish and Japanese, by the English word.

A word that English has too means what it means in English.
"""

OTHERS = """
grey: gray
colorful: colourful
red: rot rote roter rotes rouge rouges rojo roja rojos rojas 赤 赤い 紅 あか
orange: naranja anaranjado オレンジ 橙
yellow: gelb gelbe gelber gelbes jaune jaunes amarillo amarilla 黄 黄色 黄色い きいろ
green: grün grüne grüner grünes gruen vert verte verts vertes verde verdes 緑 緑色 みどり
turquoise: türkis tuerkis turquesa 水色 ターコイズ
blue: blau blaue blauer blaues bleu bleue bleus bleues azul azules 青 青い 青色 あお
purple: lila violett pourpre morado morada púrpura 紫 紫色 むらさき
violet: violette violeta
pink: rosa ピンク 桃色
brown: braun braune brauner braunes brun brune marron marrón 茶色 茶 茶色い
white: weiß weiss weiße weißer weißes blanc blanche blancs blanco blanca blancos 白 白い 白色 しろ
grey: gris grise grau graue grauer graues 灰色 グレー
black: schwarz schwarze schwarzer schwarzes noir noire noirs negro negra negros 黒 黒い 黒色 くろ
gold: golden goldene doré dorée dorado dorada oro 金 金色 ゴールド
silver: silber silbern argent argenté plateado plata 銀 銀色 シルバー
beige: ベージュ
dark: dunkel dunkle dunkler dunkles sombre foncé oscuro oscura 暗い
bright: hell helle heller helles leuchtend clair claire claro clara brillante 明るい
warm: warme warmes chaud chaude cálido cálida 暖かい
cold: kalt kalte kaltes froid froide frío fría 寒い 冷たい
colorful: bunt bunte buntes coloré colorée colorido colorida カラフル 色とりどり
water: wasser eau agua 水
sea: meer mer mar 海
ocean: ozean océan océano 大洋 オーシャン
wave: welle flots ola olas 波
river: fluss fluß rivière fleuve río 川 河
lake: lac lago 湖
beach: strand plage playa 浜 浜辺 ビーチ
island: insel île isla 島
mountain: berg gebirge montagne montaña 山
forest: wald forêt bosque 森 森林
tree: baum bäume arbre árbol árboles 木 樹
leaf: blatt blätter feuille feuilles hoja hojas 葉
flower: blume blumen fleur fleurs flor flores 花
cherry blossom: kirschblüte cerisier 桜 さくら
garden: garten jardin jardín 庭 庭園
grass: gras herbe hierba 草
field: feld campo 畑 田
desert: wüste desierto 砂漠
sand: sable 砂
stone: stein pierre piedra 石
earth: erde terre tierra 土 大地
sky: himmel ciel cielo 空 青空
cloud: wolke wolken nuage nuages nube nubes 雲
sun: sonne soleil sol 太陽 日光
moon: mond lune luna 月
star: stern sterne étoile étoiles estrella estrellas 星
starry: sternenhimmel étoilé étoilée estrellado estrellada 星空
night: nacht nuit noche 夜
day: jour día 昼
morning: morgen matin mañana 朝
evening: abend soir tarde 夕方 夕暮れ
sunset: sonnenuntergang coucher atardecer 夕焼け 夕日
sunrise: sonnenaufgang aurore amanecer 日の出 朝焼け
rain: regen pluie lluvia 雨
snow: schnee neige nieve 雪
storm: sturm tempête orage gewitter tormenta 嵐
lightning: blitz éclair relámpago rayo 稲妻 雷
wind: viento 風
fog: nebel brouillard niebla 霧
ice: eis glace hielo 氷
rainbow: regenbogen arcoíris 虹
fire: feuer feu fuego 火 炎
smoke: rauch fumée humo 煙
spring: frühling printemps primavera 春
summer: sommer été verano 夏
autumn: herbst automne otoño 秋 紅葉
winter: hiver invierno 冬
city: stadt ville ciudad 街 都市 町
house: haus maison casa 家
castle: schloss schloß burg château castillo 城
church: kirche église iglesia 教会 寺
road: straße strasse chemin calle camino 道
man: mann homme hombre 男 人
woman: frau femme mujer 女
face: gesicht visage cara rostro 顔
love: liebe amour amor 愛
happy: glücklich heureux heureuse feliz 幸せ
sad: traurig triste 悲しい
dream: traum rêve sueño 夢
death: tod mort muerte 死
life: leben vie vida 命
music: musik musique música 音楽
dance: tanz danse baile danza 踊り
dog: hund chien perro 犬
cat: katze gato 猫
horse: pferd cheval caballo 馬
bird: vogel vögel oiseau oiseaux pájaro pájaros 鳥
fish: fisch poisson pez pescado 魚
butterfly: schmetterling papillon mariposa 蝶
dragon: drache drachen dragón 竜 龍
wood: holz bois madera 木材
metal: métal 金属
glass: glas verre vidrio cristal ガラス
paper: papier papel 紙
blood: blut sangre 血
bread: brot 食パン
fruit: obst frucht fruta 果物
wine: wein vin vino ワイン
coffee: kaffee café コーヒー
honey: honig miel 蜂蜜
apple: apfel pomme manzana りんご
painting: gemälde malerei peinture tableau pintura cuadro 絵 絵画
oil: öl huile óleo 油絵
watercolor: aquarell acuarela 水彩 水彩画
ink: tinte encre tinta 墨
sketch: skizze zeichnung dessin croquis dibujo スケッチ
circle: kreis kreise cercle cercles círculo círculos 円 丸
stripe: streifen rayures rayas 縞
dot: punkte pois puntos 水玉
square: quadrat quadrate carré carrés cuadrado cuadrados 四角
triangle: dreieck dreiecke triángulo triángulos 三角
galaxy: galaxie galaxia 銀河
space: weltraum espace espacio 宇宙
neon: néon neón ネオン
ghost: geist fantôme fantasma 幽霊
magic: magie magisch magique magia mágico 魔法
"""

# Words that say nothing of a look: they are neither used nor reported.
STOP_WORDS = frozenset(
    """a an and at background by color colored colors colour coloured colours for from high his
    her image in into is it like look made of on or over picture quality s style styled the to
    under very with without
    der die das den dem ein eine einer eines und mit im von über le la les un une des du de et avec
    dans sur en el los las una y con del al の と な に を は が で も へ や 色 画
    """.split()  # noqa: SIM905 - a list of words is read as words
)

# English words that only seem to be forms of a known one.
NO_FORMS = frozenset(
    """apply carry flourish forty irony many news petty phony policy polish storey story
    """.split()  # noqa: SIM905 - as above
)


def meant() -> dict[str, str]:
    """The English word of each other one."""
    rows = [line.split(": ") for line in OTHERS.strip().splitlines()]
    return {word: english for english, words in rows for word in words.split()}
