"""How a dossier looks: quiet, in light and dark, on a phone and on paper. No fonts or files are fetched."""

STYLE = """
:root{color-scheme:light dark;--bg:#fbfaf7;--card:#ffffff;--ink:#1b2126;--soft:#59636b;--line:#e5e2da;
--accent:#23659f;
--tint:#eef3f8;--under:var(--bg);--shade:rgba(20,30,40,.26)}
@media(prefers-color-scheme:dark){:root{--bg:#14181b;--card:#1b2024;--ink:#e9e7e2;--soft:#a3acb3;
--line:#2d343a;
--accent:#7db4e6;--tint:#1a2630;--shade:rgba(0,0,0,.75)}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.6 -apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,system-ui,sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word}
.page{max-width:66rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem) 5rem}
.skip{position:absolute;left:-999px}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:9}
a{color:var(--accent);text-underline-offset:.2em;text-decoration-thickness:1px}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.strip{display:flex;flex-wrap:wrap;gap:.25rem 1.6rem;padding:1rem 0;border-bottom:1px solid var(--line);
font-size:.8rem;color:var(--soft)}
.strip b{font-weight:600;color:var(--ink)}
code{font:.92em ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;overflow-wrap:anywhere}
h1{font-size:clamp(2rem,5vw,2.9rem);line-height:1.12;letter-spacing:-.022em;font-weight:680;
margin:2.6rem 0 .6rem}
h2{font-size:1.55rem;line-height:1.25;letter-spacing:-.012em;font-weight:650;margin:0 0 .4rem}
h3{font-size:1.05rem;font-weight:620;margin:2.2rem 0 .5rem}
section.part{margin-top:4.5rem;padding-top:2rem;border-top:1px solid var(--line)}
@media screen{section.far{content-visibility:auto;contain-intrinsic-size:auto none auto 50rem;
overflow-clip-margin:1.2rem}}
p{margin:.5rem 0}
.lede{font-size:1.22rem;line-height:1.5;max-width:46rem;margin:0 0 1.8rem}
.over{margin:2.6rem 0 0}.over+h1{margin-top:.1rem}
.nb{white-space:nowrap}
.soft,.note{color:var(--soft);font-size:.9rem}
.none{color:var(--soft);font-style:italic}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;padding:0;margin:1rem 0 0;
font-size:.92rem}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;margin:1.6rem 0}
.stat{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.2rem}
.stat .big{font-size:1.95rem;font-weight:650;letter-spacing:-.02em;line-height:1.2;display:block}
.stat .small{font-size:.86rem;color:var(--soft);display:block}
ul.findings{list-style:none;padding:0;margin:0;max-width:54rem}
ul.findings li{display:grid;grid-template-columns:6.4rem 1fr;gap:.8rem;padding:.5rem 0;
border-bottom:1px solid var(--line)}
ul.findings li:last-child{border-bottom:0}
.w{white-space:nowrap;font-size:.92em}
.mark{width:.82em;height:.82em;vertical-align:-.06em;margin-right:.38em}
.front>h2,.two h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(18rem,1fr));gap:0 3rem}
.cases{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:1.2rem}
.case{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.1rem}
.case p{font-size:.88rem;margin:.45rem 0}
.case .who{font-weight:620;font-size:.95rem;margin:0 0 .6rem}
.right{color:var(--soft);font-weight:400}
.wrong{font-weight:620;border-bottom:2px solid #bc6331}
figure.fig{margin:1.1rem 0}
figure.fig .title{font-weight:620;margin-bottom:.6rem}
.panels{display:flex;flex-wrap:wrap;gap:1.1rem 1.2rem;align-items:flex-start}
.case .panels{gap:.8rem}
.panel{max-width:100%}
.panel svg{display:block;max-width:100%;height:auto;font-family:inherit}
.panel image{image-rendering:auto}
/* a shade at the edge where more can be scrolled to */
.scroll{overflow-x:auto;max-width:100%;scrollbar-width:thin;
--ends:linear-gradient(90deg,var(--under) 1.2rem,transparent) 0 0/2.6rem 100% no-repeat local,
linear-gradient(270deg,var(--under) 1.2rem,transparent) 100% 0/2.6rem 100% no-repeat local;
--more:linear-gradient(90deg,var(--shade),transparent) 1px 0/1.1rem 100% no-repeat scroll,
linear-gradient(270deg,var(--shade),transparent) calc(100% - 1px) 0/1.1rem 100% no-repeat scroll;
background:var(--ends),var(--more)}
.case,.card,article.one,.stat{--under:var(--card)}
.wide .scroll{max-height:26rem;overflow:auto;background:var(--ends),
linear-gradient(var(--under) 1.2rem,transparent) 0 0/100% 2.6rem no-repeat local,
linear-gradient(0deg,var(--under) 1.2rem,transparent) 0 100%/100% 2.6rem no-repeat local,var(--more),
linear-gradient(var(--shade),transparent) 0 1px/100% 1.1rem no-repeat scroll,
linear-gradient(0deg,var(--shade),transparent) 0 calc(100% - 1px)/100% 1.1rem no-repeat scroll}
table{border-collapse:collapse;font-size:.88rem}
table.plain th,table.plain td{padding:.45rem 1.1rem .45rem 0;border-bottom:1px solid var(--line);
text-align:left;
vertical-align:top}
table.plain th{font-weight:600}
table.plain td.r,table.plain th.r{text-align:right}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:.5rem}
details{margin:.5rem 0}
summary{cursor:pointer;color:var(--accent);font-size:.88rem;width:fit-content;min-height:1.5rem}
details>.scroll,details>table{margin-top:.6rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:.9rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.85rem 1rem;
font-size:.88rem}
.card p{margin:.15rem 0}
.card .question{font-weight:620;min-height:2.6em;line-height:1.3}
.card .number{font-size:1.02rem}
.card .control,.card .why{color:var(--soft)}
.card.hollow{background:repeating-linear-gradient(135deg,transparent 0 9px,
rgba(163,96,74,.10) 9px 11px),var(--card)}
.rulelist{padding-left:1.2rem;margin:.4rem 0}
.rulelist li{margin:.35rem 0}
.plainlist{list-style:none;padding:0;margin:.4rem 0}
.plainlist li{margin:.35rem 0}
dl.terms{display:grid;grid-template-columns:minmax(9rem,14rem) 1fr;gap:.5rem 1.5rem}
dl.terms dt{font-weight:600}
dl.terms dd{margin:0}
pre{background:var(--tint);border-radius:10px;padding:1rem;overflow-x:auto;font-size:.86rem}
article.one{margin:2.2rem 0;padding:1.2rem 1.4rem;background:var(--card);border:1px solid var(--line);
border-radius:14px}
article.one h3{margin-top:0}
footer{margin-top:4rem;padding-top:1.5rem;border-top:1px solid var(--line);color:var(--soft);
font-size:.86rem}
.no{color:var(--soft);font-weight:500;margin-right:.3em}
.reader{border:1px solid var(--line);border-radius:12px;margin:1.6rem 0 .4rem;padding:.5rem 1rem .7rem;
display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;background:var(--card)}
.reader legend{font-size:.88rem;color:var(--soft);padding:0 .4rem}
.reader label,.fold{min-height:1.6rem;align-items:center;gap:.45rem;cursor:pointer;font-size:.92rem}
.reader label{display:flex}.fold{width:fit-content;color:var(--accent);margin:.5rem 0}
.reader input,.fold input{width:1.05rem;height:1.05rem;margin:0;accent-color:var(--accent)}
section.part>ul.findings{margin:.7rem 0 1rem}
@media screen and (max-width:34rem){.broad{display:none}.slim{display:block!important}
.slim svg{max-width:100%;height:auto;font-family:inherit}}
@media(max-width:34rem){pre{white-space:pre-wrap;overflow-wrap:anywhere}
.page{padding:0 .9rem 4rem}.panels,.case .panels{gap:1rem .4rem}
.panel.small{max-width:calc(50% - .2rem)}body{font-size:15px}
.strip{font-size:.75rem}
ul.findings li{grid-template-columns:1fr;gap:.1rem}
dl.terms{grid-template-columns:1fr;gap:.1rem}dl.terms dd{margin-bottom:.7rem}
article.one{padding:1rem .9rem;margin:2rem -.9rem;border-width:1px 0;border-radius:0}
section.part{margin-top:3rem}.stat .big{font-size:1.6rem}.stats{grid-template-columns:1fr 1fr}}
@media print{@page{size:A4;margin:9mm 13mm}
:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#111;--soft:#444;--line:#ccc;--accent:#111;
--tint:#f4f4f4}
html,body{font-size:10.4px}body{line-height:1.4}.page{max-width:none;padding:0}
nav,.skip,.see,.reader{display:none}.strip{padding:0 0 .5rem}
h1{font-size:2rem;margin:.7rem 0 .2rem}.lede{font-size:1.15rem;margin-bottom:.5rem;max-width:none}
.front{font-size:.87em;line-height:1.28}
.front>h2,.two h2{margin:.5rem 0 .1rem}.stats{margin:.5rem 0;gap:.6rem}.stat{padding:.45rem .8rem}
.stat .big{font-size:1.4rem}.front p{margin:.25rem 0}
ul.findings{max-width:none}ul.findings li{padding:.15rem 0}.front{break-after:page}
.front .cases{grid-template-columns:repeat(3,1fr);gap:.6rem}.front figure.fig{margin:.4rem 0}
.front .case{padding:.5rem .7rem}.front .case .panel svg{max-height:14.5rem;width:auto}
.front .case .panel.small svg{max-height:12rem}.front .case p{margin:.2rem 0}
.front .two{grid-template-columns:1fr 1fr}.rulelist li,.plainlist li{margin:.15rem 0}
.two{gap:0 2rem}table.plain th,table.plain td{padding:.2rem .8rem .2rem 0}
section.part{margin-top:2rem;padding-top:1rem}article.one,.card,.case,figure.fig,.stat{break-inside:avoid}
h2,h3{break-after:avoid}
details:not([open])::details-content{content-visibility:visible;display:block;height:auto}
.wide .scroll,.scroll{max-height:none;overflow:visible;background:none}.panel{min-width:0!important}
a{text-decoration:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
