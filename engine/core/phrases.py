"""What servers say, in families of phrases by meaning, in the order in which they are asked.

The phrases are matched against words made alike by `wording`: lower case, `n't` as ` not`, every address as `@`, every host
as `~`. They are put together from nouns and what is said of them rather than listed sentence by sentence, because servers
vary the words more than the meaning. A gap between two parts is bounded, so that each search takes linear time.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

DEAD: Final = "dead"
DOUBTFUL: Final = "doubtful"
FULL: Final = "full"
POLICY: Final = "policy"
SPAM: Final = "spam"
SOFT: Final = "soft"


class Family(Struct, frozen=True):
    """Phrases of one meaning: the verdict's kind, a sentence for people, and the pattern.

    A family that is `permanent` speaks only where the answer was one for good. `beside` are the statuses beside which its
    words are believed; where there is no status they always are.
    """

    kind: str
    reason: str
    pattern: re.Pattern[str]
    permanent: bool = False
    beside: re.Pattern[str] | None = None


class Custom(Struct, frozen=True):
    """What one provider means by an answer of its own: which provider (a pattern over its name and its words), and how it is meant."""

    provider: re.Pattern[str]
    status: re.Pattern[str]
    family: Family


def _any(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases))


# Parts ---------------------------------------------------------------------------------------------------------------

_THEM = (  # who or what a mail is for
    r"(?:user(?:s|name|id)?|recip(?:ient)?s?|rcpt|mail\s?box(?:es)?|(?:e-?)?mail address(?:es)?|address(?:es)?|addressee|accounts?"
    r"|person|customer|member|alias|mail\s?drop|inbox|employee|student|screen\s?name|user[ -]id|local[ -]part)"
)
_THEIRS = (  # the same in German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian
    r"(?:empf.{1,2}nger\w*|benutzer\w*|nutzer\w*|(?:email|mail)?-?adress[ea]\w*|postfach|mailbox|mailkonto|konto|teilnehmer|account"
    r"|utilisateur|destinataires?|compte|bo.{1,2}te(?: aux lettres)?|abonn.{1,2}"
    r"|usuario|destinatario|cuenta|buz.{1,2}n|direcci.{1,2}n|utente|casella|indirizzo|account"
    r"|usu.{1,2}rio|destinat.{1,2}rio|conta|caixa|endere.{1,2}o|gebruiker|ontvanger|postbus|u.ytkownik|odbiorca|adres\w*|skrzynk\w*"
    r"|пользовател\w*|получател\w*|адрес\w*|ящик\w*|учетн\w*)"
)
_WORDS = r"(?:[^\s.;]+\s){0,%d}?"  # up to so many words in between, within a sentence
_US = r"(?:sender|sending|from|return[ -]path|envelope[ -]from|originat\w+|helo|ehlo|client|connecting|source|your)"

# Full ----------------------------------------------------------------------------------------------------------------

_FULL = _any(
    r"\b(?:is|was|it's) full\b|(?:box|folder|account|quota|storage|maildrop|mail drop|disk|user|recipient|postfach|filesystem) (?:(?:for |of )?(?:@|the \w+|user|\w+'s?) )?(?:(?:is|are|was|has become)(?: \w+)? )?(?:over)?full\b",
    r"\bfull (?:mail\s?box|inbox|account)",
    r"over\s?(?:the |its |their |his |her |allocated |allowed |disk |mail |storage |e?mail ?box |size |account |maximum ){0,3}quota",
    r"quota (?:has been |is |was |would be |limit |have been ){0,2}(?:exceed|reach|full|over|used up|violation|exhaust)",
    r"quota (?:error|problem|limit)|\bover ?quota",
    r"exceed\w* (?:[^\s.;]+ ){0,6}?(?:mail\s?box|storage|space|quota|(?:mail|disk) (?:limit|allowance))",
    r"(?:mail\s?box|inbox|account|recipient|user|@) (?:[^\s.;]+ ){0,4}?exceed\w* (?:[^\s.;]+ ){0,4}?(?:limit|size|allow|allocat|capacity)",
    r"(?:mail\s?box|inbox|account) (?:\w+ ){0,3}(?:size|storage|space|capacity) (?:limit|quota|full|exceed|reach)",
    r"(?:mail\s?box|inbox|account|recipient|user|@) (?:\w+ ){0,4}(?:over|at|reached|above|beyond|past) (?:\w+ ){0,3}(?:limit|quota|capacity|maximum size)",
    r"out of (?:\w+ ){0,3}(?:storage|space|quota)|(?:ran|run|running) out of (?:\w+ ){0,2}(?:storage|space)",
    r"(?:insufficient|not enough|no|low|lack of|inadequate|without) (?:(?:free|available|more|enough|sufficient|system|disk|mail\s?box|server|remaining|left) ){0,3}(?:storage|disk ?space|space|quota)\b",
    r"(?:storage|disk|space) (?:limit|quota|allocation|capacity|full)",
    r"too (?:many|much) (?:messages|mails|e-?mails|mail|data) (?:\w+ ){0,3}(?:in|on) (?:\w+ ){0,3}(?:mail\s?box|inbox|account|folder|server|drop|queue for)",
    r"mail\s?box (?:\w+ ){0,2}too (?:large|big|full)",
    r"(?:postfach|mailbox|konto|speicher\w*|quota|kontingent|ordner|posteingang)(?: \S+){0,4} (?:ist |sind |wurde |zu )?(?:.berf.{1,2}llt|voll\b|ersch.{1,2}pft|.berschritten|ausgesch.{1,2}pft|belegt|aufgebraucht)",
    r"(?:.berf.{1,2}lltes|volles) postfach|(?:kein|zu wenig|nicht gen.{1,2}gend|nicht ausreichend) (?:freier |freien )?(?:speicher\w*|platz|plattenplatz)",
    r"(?:bo.{1,2}te|compte|messagerie|quota|espace)(?: \S+){0,5} (?:pleine?|satur.{1,2}|d.{1,2}pass.|insuffisant|plein)",
    r"(?:buz.{1,2}n|cuenta|bandeja|cuota|espacio|casilla)(?: \S+){0,5} (?:llen[oa]|excedid[oa]|superad[oa]|insuficiente|agotad[oa])",
    r"(?:casella|quota|spazio|account)(?: \S+){0,5} (?:pien[oa]|superat[oa]|esaurit[oa]|insufficiente)|caixa (?:\S+ ){0,3}(?:cheia|lotada)|cota excedida",
    r"(?:postvak|mailbox|postbus)(?: \S+){0,3} vol\b|przepe.nion|skrzynk\w*(?: \S+){0,3} pe.n",
    r"переполнен|квот\w* (?:\S+ )?превышен|заполнен",
    r"容量.{0,12}(?:超|不足|一杯|いっぱい)|(?:メールボックス|受信箱|ボックス).{0,12}(?:一杯|いっぱい|満杯|超)|邮箱.{0,8}(?:已满|满)|超過",
)

# Us ------------------------------------------------------------------------------------------------------------------

_OUR_ADDRESS = _any(
    r"client host\b|sender's|(?:sender|return[ -]path|envelope[ -]from|mail from|from)(?: e?mail)?(?: address| domain)?s?(?: @| ~| \(@\)| ?:)?(?: [^\s.;]+){0,4}? (?:rejected|denied|refused|invalid|unknown|not found|does not (?:exist|resolve)|could not be (?:verified|resolved)|verif|not (?:accepted|allowed|valid|authori[sz]ed|permitted|resolv\w+)|malformed|misconfigured|unverif|undeliverable|is not|can not|no mx|has no|banned|blocked)",
    r"sender (?:verif|callout|address verification|is |id |id:|denied|rejected|blocked|not |domain must|unknown|invalid)|(?:invalid|bad|unknown|illegal|unverified|forged|fake|spoofed) (?:\w+ ){0,2}(?:sender|return[ -]path|mail from)",
    r"\byour (?:\w+ )?(?:domain|ip|server|host(?:name)?|mta|network|provider|isp|mail ?server|reputation)\b|domain of (?:the )?sender|sender'?s? (?:\w+ ){0,3}domain|your (?:domain|address|host|server|hostname|mail server|mta|helo)\b(?: [^\s.;]+){0,6}? (?:not|no|does|can|unknown|invalid|fail|listed|block|ban|reject|den)",
    r"(?:helo|ehlo)\b(?: [^\s.;]+){0,5}? (?:reject|den|invalid|not|does|bad|syntax|fail|must|host|need|mismatch|verif)|invalid (?:helo|ehlo)|client host(?:name)? (?:\S+ ){0,3}reject|(?:find|resolve|lookup|look up|verify) your (?:\w+ ){0,2}(?:host|name|ip|address|domain|reverse)",
    r"(?:you|your \w+) (?:are|is|have been|has been|do|does|were|must|need) (?:\w+ ){0,3}(?:not (?:allowed|authori[sz]ed|permitted)|block|bann|blacklist|list|reject|restrict|prohibited|authenticate|permission|suspended|disabled)|(?:your|sender'?s?|sending) (?:\w+ ){0,2}(?:account|user) (?:\w+ ){0,3}(?:suspend|disabl|block|lock)",
    r"absender\w*(?: \S+){0,5} (?:abgelehnt|unbekannt|ung.{1,2}ltig|gesperrt|blockiert|nicht)|exp.{1,2}diteur(?: \S+){0,4} (?:refus|rejet|invalid|inconnu|bloqu)|remitente(?: \S+){0,4} (?:rechaz|no |inv|bloque)|mittente(?: \S+){0,4} (?:rifiut|non |blocc)",
    r"(?:bad|invalid) outbound sender|block(?:ed)? senders?|sender block|not an? (?:valid|authori[sz]ed) sender|backscatter|bounce address tag|\bbatv\b|\bsrs\b",
)
_RELAY = _any(
    r"\brelay(?:ing|ed)?\b(?: [^\s.;]+){0,5}? (?:denied|not|prohibited|disallowed|refused|rejected|forbidden|block|restrict|off|disabled|den)|(?:not|unable|denied|refus\w*|prohibit\w*|can not|no) (?:\w+ ){0,2}relay|relay (?:access|control)|not relayed|open relay|\brelay nicht|relaying",
    r"(?:not|n.t) (?:in|one of|among) (?:my|our|the|its) (?:\w+ ){0,4}(?:rcpt\s?hosts|allowed|local domains|relay)|rcpthosts|we do not relay",
    r"(?:smtp |client )?authenti[ck]at(?:ion|e|ed) (?:is )?(?:required|needed|failed|necessary|first)|(?:must|need to|requires?|please|have to) (?:\w+ ){0,3}(?:authenti[ck]ate|authenti[ck]ation|auth|log ?in|check (?:your |for new )?mail|tls|starttls|encrypt)|pop before smtp|must issue a starttls",
)
_LISTED = _any(
    r"blocklist|block[ -]list|black\s?list|deny\s?list|\brbl\b|\bdns[bw]l\b|listed (?:at|in|on|by) ~|sperrliste"
)
_STANDING = _any(
    r"(?:^|: |said |\d )blocked(?: ?-| ?$| ?:|\.)|\b(?:invalid|bad|missing|no|misconfigured) (?:dns )?(?:ptr|mx or a|dns mx)\b|dns (?:mx|ptr)(?: or a| or aaaa|/a|\W)*.{0,10}resource record",
    r"(?:\bip|\bip-|from|reply-?to|return|source|server|client|sending|your|host|originating|envelope|remote|connecting|from:)[ -](?:e?mail |ip )?address",
    r"\btls\b|starttls|\bssl\b|certificate|\bdane\b|tlsa|encrypt|credential|password|log ?in (?:fail|first|required)|message-id|header (?:\w+ ){0,3}(?:is |are )?(?:missing|invalid|malformed|not)|(?:missing|invalid|malformed|multiple|duplicate|bad|no) (?:\S+ ){0,3}header|(?<!/)\brfc ?\d{3,4}|from: header",
    r"(?:recipient|user|he|she|they) (?:has |have )?(?:blocked|refuse[sd]?|rejects?|declined|does not (?:accept|want|wish to receive)) (?:\w+ ){0,2}(?:you|this sender|mail|messages|e-?mails?)(?: from)?(?: (?:you|this|external|the))",
    r"\b(?:spf|dkim|dmarc|sender ?id|domain ?keys|arc|rdns|ptr|fcrdns|senderid)\b|reverse[ -](?:dns|lookup|name|hostname)|dns ptr",
    r"un-?authenticated|not authenticated|authenti[ck]ation (?:\w+ ){0,2}(?:invalid|unsuccess|fail|error|denied)|authenti[ck]ation (?:check|result|fail|require|level|information|status|of the mail)|(?:fail|pass|did not pass|meet|lack)\w* (?:\w+ ){0,4}(?:authenti[ck]ation|identity|verification|alignment)|alignment|forged|spoof",
    r"block\s?list|black\s?list|deny\s?list|grey\s?list|gray\s?list|white\s?list|\b(?:dns|r|u)[wb]l\b|\brbl\b|\bdnsbl|blocklist|suppression list|reputation|\bsender ?score|ip (?:warm|rep)",
    r"(?:ip|host|hosts|client|sender|server|network|domain|address|connection|connections|mail|message|messages|email|emails|e-mails?|mails|access|range|subnet|content|traffic|you|netblock|~)(?: address(?:es)?)?(?: @| ~)?(?: (?:has|have|had|is|are|was|were|been|being|be|currently|temporarily|permanently|from|your|this|our|the|ip|sent|to|that|range|of|network|explicitly|also|now|likely|probably|~)){0,6} (?:black|block|bann|listed\b|deferred|throttled|rate[ -]?limited|prohibited|barred|filtered|quarantin)",
    r"(?:blocked|banned|blacklisted|listed|barred|deny|denied|(?<!connection )refused|reject\w*|filtered|discarded) (?:by|using|for|at|in|on|due|because of|because|from|as|per|through) (?:\w+ ){0,3}(?:~ )?(?:your|sender|ip|~|the ip|black|block|dns|rbl|bl\b|a? ?list|abuse|polic\w+|server polic|network|security|filter|admin|anti|user|recipient'?s? (?:preference|polic|setting|rule)|reputation|bad|poor|low|local|rule|content|gateway|fire ?wall|volume|complaint|excessive)",
    r"(?:poor|bad|low|negative|neutral|no|questionable|unknown|insufficient) (?:\w+ ){0,2}(?:reputation|sender ?score|trust)|(?:user|recipient|spam|abuse|customer) complaints?|complaint rate|too many complaints",
    r"rate[ -]?(?:limit|control|exceed|throttl)|\brate that\b|(?:unusual|high|sending|message|connection|current|excessive|maximum|delivery|mail|hourly|daily) rate\b|throttl|too (?:fast|frequent)|(?:exceed\w*|over|reach\w*|above) (?:\w+ ){0,4}(?:rate|number of (?:connections|messages|recipients|e?mails)|connections|messages per|recipients per|(?:hourly|daily|sending|connection|concurren\w+|message|recipient|mail) (?:\w+ )?(?:limit|quota|cap)s?)|slow(?:ing)? down",
    r"too many (?:\w+ ){0,3}(?:connections?|sessions?|recipients|messages|mails|e-?mails|errors|bounces|unknown (?:users|recipients)|invalid (?:users|recipients|addresses)|bad (?:recipients|commands|addresses)|hits|attempts|threads)|directory harvest|harvest(?:ing)? attack|(?:hourly|daily|sending) (?:\w+ )?(?:limit|quota)|volume of (?:\w+ )?(?:mail|email|messages)|concurren\w+ (?:limit|connection)|unusual (?:amount|number|volume|traffic)",
    r"gr[ea]y-?\s?list|postgrey|deferred due to|temporarily deferred|try again in \d+ (?:seconds|minutes)|not yet authori[sz]ed|first time (?:sender|seen)",
    r"(?:due to|because of|for|against|violat\w*|by|under|per|local|site|security|company|acceptable use|domain|organi[sz]ation|corporate|server|administrative|filter|user'?s?|content|access|transport|compliance) (?:\w+ ){0,3}polic(?:y|ies)\b|polic(?:y|ies) (?:\w+ ){0,2}(?:violation|reason|restriction|reject|block|prohibit|den|does|forbid|disallow|rule|fail|issue)|(?:richtlinie|politique de|pol.{1,2}tica)",
    r"administrative(?:ly)? (?:prohibi|den|block|reject|disab)|(?:transport|mail ?flow|header|delivery) rules?|restricted (?:recipient|sender|address|group)|not (?:allowed|authori[sz]ed|permitted) (?:to )?(?:send|deliver|post|mail|submit|contact|access|relay|accept)|(?:only|does not) accepts? (?:\w+ ){0,2}(?:mail|messages|email|e-mail) (?:only )?from (?:\w+ ){0,3}(?:sender|people|member|internal|known|authenticated|certain|permitted|allowed|list|your|outside|external|anonymous|unauth|sources|unknown)|(?:sender|senders) (?:\w+ ){0,4}(?:not (?:in|on|allowed)|permitted|allowed|list)",
    r"(?:delivery|delivering|message|mail|sending|access) (?:to|for) (?:\w+ ){0,4}(?:restricted|is restricted|prohibited|not authori[sz]ed|requires)|not authori[sz]ed|moderat(?:or|ion|ed) |(?:has|have|had) (?:been )?(?:blocked|rejected|refused) (?:you|your)|blocked (?:by (?:the )?(?:recipient|user|customer)|sender|you)|refus\w+ (?:\w+ ){0,2}(?:mail|messages|email) from (?:you|this|your)",
    r"(?<!not )\b(?:on|in) (?:the|our|my|an?) (?:[\w-]+ ){0,2}list\b|\b(?:frequency|connections?|domain|ip|sender|sending) (?:\w+ )?(?:is |are )?limit(?:ed|s)?\b|(?:substantial|many|generated|high|numerous|received|multiple) (?:\w+ )?complaints|bad (?:url|link|content)|banned|\bblacklist|sicherheitsgr.{1,2}nd|reject (?:due|because)|abgelehnt (?:\S+ ){0,3}(?:richtlinie|sicherheit|blacklist|sperr)|gesperrt(?:e|er)? (?:ip|absender|server)|ip-?adresse (?:\S+ ){0,4}(?:gesperrt|blockiert|gelistet)|adresse ip (?:\S+ ){0,4}(?:bloqu|refus|blacklist)|\bip (?:\S+ ){0,5}(?:bloquead|blacklist)",
    r"\bexcessive\b|\b(?:abuse|abusive|suspicious) (?:\w+ ){0,2}(?:activity|behavio|traffic|rate|mail|sender|ip|connection|message|number|volume)|contact (?:your )?(?:postmaster|abuse|internet service provider)|\baup#|\bib\d{3}\b|\btss?\d\d\b|\bs3(?:1[45]\d|21\d)\b|\boub?-?00\d\b|\b(?:fbl|cs)\d\d\b|\bcxsmx|tobr@|\(bl\)|a problem occurred",
)
_CONTENT = _any(
    r"\b(?:anti-?)?spam(?:my|my|mer|mers|ming|assassin|trap|med|mail)?\b|unsolicited|\bjunk\b|\bu[cb]e\b|\bbulk (?:e-?)?mail|likely suspicious|\bspam-|\bspam",
    r"\bvirus(?:es)?\b|malware|phish|trojan|\bworm\b|infected|malicious|ransomware|clamav|harmful|dangerous|scam\b|fraud",
    r"(?:message|mail|body|email|e-mail|html|subject|header|url|link|attachment|file)?(?:'s)? ?(?:content|contents|body|attachment|attachments|subject|html|url|link|links|urls|headers?) (?:\w+ ){0,3}(?:filter|reject|denied|block|not (?:allowed|accepted|permitted)|suspicious|forbidden|prohibited|restrict|refused|contains|banned|unaccept|inappropriate|violat|scan|triggered|looks|malformed)",
    r"(?:filter|reject|denied|block|forbidden|prohibited|restricted|suspicious|unacceptable|inappropriate|illegal|banned|bad|refused|objectionable|offensive|disallowed|contains) (?:\w+ ){0,3}(?:content|attachment|subject|header|file ?type|extension|url|link|words?|html|image|media|character)",
    r"content[ -](?:filter|reject|scan|analysis|protect|check|security)|(?:high|spam) (?:\w+ )?(?:score|probability)|score (?:is )?too high|bayes|surbl|uribl|\bdcc\b|razor|pyzor|cloudmark|mailscanner|message (?:looks|scored|appears|seems|detected|identified|classified|considered|flagged|filtered)|(?:looks|appears|seems) (?:like|to be) (?:a )?(?:spam|bulk|unsol|advert|virus)|identified as|classified as|considered (?:as )?(?:spam|unsol|bulk|unsafe)|unerw.{1,2}nscht|werbung|pourriel|ind.{1,2}sirable|no deseado|correo basura|indesiderata|спам|迷惑メール|垃圾邮件",
)

# The mail, the way, the time -----------------------------------------------------------------------------------------

_TOO_BIG = _any(
    r"(?:message|mail|e-?mail|content|data|attachment|nachricht|file|total|maximum)(?: @)?(?: [^\s.;]+){0,3}? (?:size|length|too large|too big|too long|zu gro|trop (?:gros|volum)|demasiado grande)|size (?:limit|exceed|of (?:the |your )?(?:message|mail))|(?:exceed\w*|larger than|bigger than|over) (?:\w+ ){0,5}(?:size|maximum message|message limit|bytes|kb|mb|mega)|too (?:large|big) (?:message|mail|for)",
)
_PASSING = _any(
    r"temporar(?:y|ily)|transient|try (?:again |it again |later|once more later|your message )(?:later)?|(?:please )?(?:try|retry|resend|come back) (?:\w+ ){0,3}later|not found,? try again|vor.{1,2}bergehend|sp.{1,2}ter (?:noch\s?mal |erneut |wieder )|zur ?zeit nicht|derzeit (?:nicht|keine)|temporaire|ult.{1,2}rieurement|temporal(?:mente)?|m.{1,2}s tarde|temporane|tempor.{1,2}ri|tijdelijk|временн|позже|一時的",
)
_THE_WAY = _any(
    r"(?:connection|connect|conversation|session|network|server|host|dns|operation|read|smtp|lookup) (?:\S+ ){0,5}?(?:timed[ -]?out|time[ -]?out|refused|reset|lost|closed|dropped|aborted|unreachable|terminated|failed|failure|error)|timed[ -]?out|time[ -]?out|no route to|unreachable|unable to connect|could not connect|can not connect|failed to connect|refused to talk|no answer from host|(?:server|system|service|host|mail ?server) (?:\w+ ){0,3}(?:unavailable|not available|busy|down|not responding|not accepting|overload)|too busy|resources? (?:temporar|shortage|exhaust|unavail)|out of memory",
    r"too many hops|hop count|mail(?:ing)? loop|loops? back|looping|routing loop|delivery time expired|(?:message|mail|queue|delivery|retry|time|holding) (?:\w+ ){0,2}(?:expired|timeout|lifetime|too long)|retry time|(?:been|was) (?:in|on) (?:the )?queue (?:too|for)|not delivered (?:within|after|in)|undelivered for|give up|giving up|(?:internal|local|system|configuration|server|i/o|software|database|delivery|protocol|processing|lookup|policy server) (?:\w+ )?(?:error|problem|failure|fault|trouble)|syntax error|bad sequence|command (?:not|unrec|rej|unk|out)|not implemented|i will keep trying|will (?:be retried|retry|continue to)|line too long|8bit|smtputf8|(?:needs|non-ascii|internationali[sz]ed)|bare (?:lf|cr)|failed to (?:open|lock|write|create|start)|can ?not (?:open|lock|write|create)|permission denied|pipe to",
)

# The mailbox is there, and switched off ------------------------------------------------------------------------------

_OFF = r"(?:disabled?|inactiv\w*|suspend\w*|locked|de-?activated|blocked|frozen|dormant|not (?:been )?(?:active|activated|enabled)|on hold|no longer active|hibernat\w+|restricted|barred|not (?:currently )?(?:accepting|receiving|receive|taking)|(?:does|do|can) not (?:currently )?(?:accept|receive|take)|unable to (?:accept|receive)|refuses|stopped|paused|expired|quarantined|parked)"
_SWITCHED_OFF = _any(
    rf"\b{_THEM}(?:'s)?(?: ?:)? (?:[^\s.;]+ ){{0,7}}?{_OFF}",
    rf"(?:disabled|inactive|suspended|deactivated|locked|dormant|blocked|expired|de-activated) (?:\w+ ){{0,2}}{_THEM}",
    rf"{_THEIRS} (?:\S+ ){{0,5}}?(?:deaktiviert|gesperrt|inaktiv|stillgelegt|abgeschaltet|nicht (?:mehr )?aktiv|d.{{1,2}}sactiv|suspendu|inactif|bloqu|deshabilitad|inactiv|suspendid|desactivad|disattivat|disabilitat|sospes|desativad|inativ|geblokkeerd|zablokowan|nieaktywn|заблокирован|отключ|не активен|деактивирован)",
    r"\b(?:disabled|inactive) user\b|this (?:account|mailbox|user|address) (?:is|has been) (?:disabled|suspended|inactive)|アカウント.{0,10}(?:停止|無効)|vacation hold",
)

# Nobody there --------------------------------------------------------------------------------------------------------

_OF_ELSE = (  # what is unknown, bad or invalid without being a person
    r",? (?:\w+ )?(?:error|failure|reason|problem|command|protocol|status|response|exit|code|charset|encoding|content|sender|client|helo|host|ip"
    r"|argument|parameter|syntax|header|data|character|format|credential|password|certificate|signature|return|sequence|gateway|message|request|state)"
)
_IS_GONE = (
    rf"(?:unknown(?!{_OF_ELSE})|not (?:be )?found|undefined|unrecogni[sz]ed|non-?exist\w*|does not (?:seem to |appear to )?(?:exist|live here|work here|reside)|do not exist|did not exist|not exist\w*|never existed|has no (?:mail\s?box|account)"
    rf"|no longer (?:\w+ ){{0,2}}(?:exist\w*|valid|available|here|on|in (?:use|service)|with|works?|employed|used|at|have|has|a|registered|recogni[sz]ed|known|an?)|no more|(?:invalid|illegal|incorrect|bogus|wrong|bad)\b(?!{_OF_ELSE})"
    r"|(?:is |are |was )?not (?:an? )?(?:valid|known|recogni[sz]ed|listed|present|local|registered|defined|hosted|here|our|correct|existing|in (?:the |our |my |this )?(?:\w+ ){0,2}(?:list|director|database|domain|system|table|address ?book|server)|at this|(?:on|with|part of|of|at) (?:our|this|the|my) (?:\w+ )?(?:system|server|service|domain|host|site|network|directory|list|customers?|users?)|a (?:\w+ ){0,2}(?:user|customer|mailbox|account|recipient|address)|handled|served|configured|exists?)"
    r"|(?:is |was |has been |have been )?(?:deleted|removed|terminated|cancel+ed|discontinued|purged|retired)|(?:has been |is |was |permanently )closed|has (?:left|moved|gone)|can not be found|could not be (?:found|located|resolved)|lookup (?:failed|did not)|no such)"
)
_NO = r"(?:no such|unknown|no|non-?exist(?:ent|ing|ant)|nonexistant|invalid|illegal|bad|bogus|undefined|unrecogni[sz]ed|incorrect|wrong|not an? (?:valid|known|existing|active|registered)|not a|misspelled|unresolvable|undeliverable|can not find|could not find|unable to (?:find|locate)|does not (?:have|know|recogni[sz]e)|do not (?:have|know|recogni[sz]e)|not find|not (?:located?|know))"
_NOBODY = _any(
    rf"\b{_NO} (?:(?:an?|any|the|that|this|your|such|local|remote|valid|active|registered|known|destination|target|virtual|e-?mail|mail|smtp|delivery|forwarding|matching|domain|recipient|user|account|mailbox|addressee|intended|yahoo|named|existing|here|or|and|existant|relay|primary|proxy|final|internet|information about|~|@)[ /:,]+){{0,4}}{_THEM}\b(?! (?:credential|agent|password|format of the sender))",
    rf"\b{_THEM}(?:'s)?(?:\(s\))?(?: ?[:.,(])? ?(?:[^\s.;]+ ){{0,10}}?{_IS_GONE}",
    rf"(?:@|~)[ :,(]{{1,3}}(?:is |was |has |i'?m )?(?:{_IS_GONE[3:-1]})",
    r"(?:no|not an?|not our|not a) (?:\w+ ){0,2}(?:customer|mail\s?box|account|user|recipient|one|person|body|address|subscriber|employee|member)s? (?:here|by (?:that|this) name|with (?:that|this|the)|called|named|at this|on this|of that name|found|matching|exists?)|(?:no ?one|nobody) (?:here )?(?:by|of|with|called) |not our customer|no mailbox|mailbox not local|user not local|not a local",
    r"(?:user|recipient|address|account|name) lookup|(?:mail\s?box|user)(?: name)? not allowed|mail\s?box name|addressee (?:is )?(?:unknown|not)|(?:left|leaves?|no longer (?:with|at|works? (?:for|at)|employed)|departed) (?:the |our |this )?(?:company|organi[sz]ation|firm|university|school|us)\b|no valid recipients?|all recipients (?:\w+ )?(?:invalid|failed)|recipient (?:\w+ )?not (?:ok|on|exist)|doesnotexist|not known (?:here|at)|unknown (?:or illegal |local[ -]?part|or invalid|in virtual|to )|unroutable|unrouteable|undeliverable address|who are you looking for|(?:do|does) not (?:handle|accept|serve|host|receive|take|process) (?:any )?(?:(?:e-?)?mails?|messages?) for (?:@|~|that|this)|no (?:record|trace|entry|information|knowledge) (?:of|for|about|on)|have no (?:record|account|user|mail)|returned? to sender: (?:unknown|no such)|vrfy.{0,20}fail|permanent(?:ly)? (?:deleted|removed|closed)",
    rf"(?:unbekannt\w*|ung.{{1,2}}ltig\w*|falsche?\w*|nicht existierend\w*|inexistente?\w*|inconnue?|invalid\w*|desconocid\w*|sconosciut\w*|desconhecid\w*|onbeken\w*|ongeldig\w*|nieznan\w*|неизвестн\w*|несуществующ\w*|kein\w*|aucune?|ning.n|nessuna?|geen|нет такого|nenhuma?) (?:\S+ ){{0,2}}?{_THEIRS}",
    rf"{_THEIRS}(?: [^\s.;]+){{0,8}}? (?:unbekannt|existiert (?:\S+ )?nicht|nicht (?:\S+ )?(?:gefunden|vorhanden|bekannt|ermittelt|zustellbar|existent|g.{{1,2}}ltig|eingerichtet|registriert|vergeben)|nicht (?:mehr )?existiert|gibt es (?:\S+ )?nicht|ung.{{1,2}}ltig|existiert|wurde gel.{{1,2}}scht|gel.{{1,2}}scht|falsch|inconnue?|n'existe|n'est pas (?:connu|valide|valable|trouv)|ne correspond .{1, 2} aucun|introuvable|invalide|non trouv|inexistant|desconocid|no existe|no (?:\S+ )?encontrad|inexistente|inv.{{1,2}}lid|no v.{{1,2}}lid|sconosciut|non esiste|inesistente|non (?:\S+ )?trovat|non valid|n.o existe|n.o (?:\S+ )?encontrad|desconhecid|onbekend|bestaat niet|niet gevonden|ongeldig|nieznan|nie istnieje|nie (?:\S+ )?znalezion|не найден|не существует|неизвест|не зарегистрирован|удален)",
    r"存在しません|存在しない|見つかりません|見つからない|(?:ユーザ|ユーザー|宛先|受信者|メールアドレス|アドレス).{0,16}(?:不明|ありません|無効|誤り|間違)|宛先不明|用户不存在|收件人.{0,8}不存在|邮箱.{0,6}不存在|не существует|n'existe pas|gibt es hier nicht",
)
_NOWHERE = _any(
    r"nxdomain|name or service not known|(?:host|domain|hostname|domain name|server name|mail ?server|mail exchanger?|mx|mx record|mx records|name ?server|destination system|destination server|dns|dns name|dns record|relay host)(?: ?[:(])?(?: [^\s.;]+){0,5}? (?:not (?:be )?(?:found|known|exist\w*|resolv\w*|resolvable|registered|listed|defined)|unknown|does not (?:exist|resolve|have|accept)|do not exist|non-?exist\w*|invalid|unresolv\w*|unroutable|no longer (?:exist|valid|available|in)|no such|has no|have no|nonexistent|expired|could not be (?:found|resolved)|can not be (?:found|resolved))",
    r"\b(?:no such|unknown|invalid|non-?exist(?:ent|ing|ant)|nonexistant|bad|illegal|unresolvable|unroutable|unrouteable|can not (?:find|resolve|locate)|could not (?:find|resolve|locate)|unable to (?:find|resolve|locate)|not find|no (?:valid )?(?:mx|a|aaaa|dns|mail exchang)|no (?:a or mx|mx or a|mx/a)) (?:\w+ ){0,4}(?:host|domain|hostname|mx|mail ?server|mail exchanger?|records?|server|system|site|destination)",
    r"unrout(?:e)?able|null ?mx|does not accept (?:\w+ )?(?:mail|email|e-mail)\b|no (?:mx|mail exchange)|illegal host|bad destination (?:system|host|mailbox)|no dns (?:entry|record)|misconfigured mx|unknown (?:mail )?(?:host|domain|server)|domain (?:\S+ )?(?:unbekannt|existiert nicht|nicht gefunden)|unbekannte dom|rechner unbekannt|domaine (?:\S+ )?(?:inconnu|inexistant|n'existe)|dominio (?:\S+ )?(?:no existe|desconocid|inesistente|non esiste|sconosciut)|nodename nor servname|non-local|never existed",
)

# Words that decide only when no others do ----------------------------------------------------------------------------

_PROHIBITED = _any(
    r"\bpolic(?:y|ies)\b|\b(?:denied|forbidden)\b|prohibited|forbidden|not (?:allowed|permitted|accepted here)|administrat\w+ (?:\w+ )?(?:rejec|refus|deni)|denied by|verboten|nicht erlaubt|interdit|security|restricted|tls|starttls|encrypt|certificate|challenge|captcha|permission",
)
_TURNED_AWAY = _any(
    rf"{_THEM} (?:@ )?(?:[^\s.;]+ ){{0,3}}?(?:unavailable|not available|rejected|refused|not accepted|not ok|undeliverable|failed|inaccessible|denied|not deliverable|abgelehnt|refus.{{1,2}}|rechazad|rifiutat|rejeitad|can not be (?:reached|delivered))",
    rf"(?:reject\w*|refus\w*|unavailable|undeliverable) (?:\w+ )?{_THEM}",
)

_SAYS_LITTLE = re.compile(r"5\.(?:0\.0|1\.(?:0|1|2|3|6|10)|2\.0|3\.0|5\.0)")
_NOT_OURS = re.compile(r"(?!5\.1\.[789]$)[\d.]+")
_NO_POLICY = re.compile(r"[245]\.[0-6]\.\d+")

FAMILIES: Final = (
    Family(POLICY, "our own address or server was not accepted as a sender", _OUR_ADDRESS),
    Family(FULL, "the mailbox or the system behind it is full", _FULL),
    Family(POLICY, "our server stands on a block list", _LISTED),
    Family(SPAM, "the mail was taken for spam, or its content was not accepted", _CONTENT),
    Family(POLICY, "a server would not pass the mail on for us, or asked us to log in", _RELAY),
    Family(POLICY, "a rule, a limit or our standing as a sender was against it", _STANDING),
    Family(SOFT, "the mail was too big", _TOO_BIG),
    Family(SOFT, "the server said that it was for the time being", _PASSING, beside=_NO_POLICY),
    Family(DOUBTFUL, "the mailbox is there and is switched off", _SWITCHED_OFF, permanent=True),
    Family(DEAD, "nobody has this address", _NOBODY, permanent=True, beside=_NOT_OURS),
    Family(DEAD, "the address's domain takes no mail or does not exist", _NOWHERE, permanent=True, beside=_NOT_OURS),
    Family(POLICY, "a rule was against it", _PROHIBITED),
    Family(DEAD, "the address was turned away", _TURNED_AWAY, permanent=True, beside=_SAYS_LITTLE),
    Family(SOFT, "the mail did not get through on its way", _THE_WAY),
)

CUSTOMS: Final = (
    Custom(
        re.compile(""),
        re.compile(r"5\.4\.1$"),
        Family(
            DEAD,
            "Microsoft's edge knows no such address",
            re.compile(r"recipient address rejected: access denied"),
            permanent=True,
        ),
    ),
)
