"""What servers say of us: our address, our server, our standing, their rules for whoever sends."""

from __future__ import annotations

from engine.core.phrases.writing import any_of

OUR_ADDRESS = any_of(
    r"client host\b|sender's",
    r"(?:sender|return[ -]path|envelope[ -]from|mail from|from)(?: e?mail)?(?: address| domain)?s?(?: @| ~"
    r"| \(@\)| ?:)?(?: [^\s.;]+){0,4}? (?:rejected|denied|refused|invalid|unknown|not found|does not (?:exist"
    r"|resolve)|could not be (?:verified|resolved)|verif|not (?:accepted|allowed|valid|authori[sz]ed|permitted"
    r"|resolv\w+)|malformed|misconfigured|unverif|undeliverable|is not|can not|no mx|has no|banned|blocked)",
    r"sender (?:verif|callout|address verification|is |id |id:|denied|rejected|blocked|not |domain must"
    r"|unknown|invalid)",
    r"(?:invalid|bad|unknown|illegal|unverified|forged|fake|spoofed) (?:\w+ ){0,2}(?:sender|return[ -]path"
    r"|mail from)",
    r"\byour (?:\w+ )?(?:domain|ip|server|host(?:name)?|mta|network|provider|isp|mail ?server|reputation)\b",
    r"verification failed for @|\byour (?:\w+ )?account\b|account (?:\w+ ){0,4}(?:for|to) (?:send|relay)",
    r"domain of (?:the )?sender|sender'?s? (?:\w+ ){0,3}domain",
    r"your (?:domain|address|host|server|hostname|mail server|mta|helo)\b(?: [^\s.;]+){0,6}? (?:not|no|does"
    r"|can|unknown|invalid|fail|listed|block|ban|reject|den)",
    r"(?:helo|ehlo)\b(?: [^\s.;]+){0,5}? (?:reject|den|invalid|not|does|bad|syntax|fail|must|host|need"
    r"|mismatch|verif)",
    r"invalid (?:helo|ehlo)|client host(?:name)? (?:\S+ ){0,3}reject",
    r"(?:find|resolve|lookup|look up|verify) your (?:\w+ ){0,2}(?:host|name|ip|address|domain|reverse)",
    r"(?:you|your \w+) (?:are|is|have been|has been|do|does|were|must|need) (?:\w+ ){0,3}(?:not (?:allowed"
    r"|authori[sz]ed|permitted)|block|bann|blacklist|list|reject|restrict|prohibited|authenticate|permission"
    r"|suspended|disabled)",
    r"(?:your|sender'?s?|sending) (?:\w+ ){0,2}(?:account|user) (?:\w+ ){0,3}(?:suspend|disabl|block|lock)",
    r"absender\w*(?: \S+){0,5} (?:abgelehnt|unbekannt|ung.{1,2}ltig|gesperrt|blockiert|nicht)",
    r"exp.{1,2}diteur(?: \S+){0,4} (?:refus|rejet|invalid|inconnu|bloqu)",
    r"remitente(?: \S+){0,4} (?:rechaz|no |inv|bloque)|mittente(?: \S+){0,4} (?:rifiut|non |blocc)",
    r"(?:bad|invalid) outbound sender|block(?:ed)? senders?|sender block",
    r"not an? (?:valid|authori[sz]ed) sender|backscatter|bounce address tag|\bbatv\b|\bsrs\b",
)
"""Our own address, domain, or the name we greet with."""

LISTED = any_of(
    r"blocklist|block[ -]list|black\s?list|deny\s?list|\brbl\b|\bdns[bw]l\b|listed (?:at|in|on|by) ~",
    r"sperrliste",
)
"""Lists of senders that are blocked."""

RELAY = any_of(
    r"\brelay(?:ing|ed)?\b(?: [^\s.;]+){0,5}? (?:denied|not|prohibited|disallowed|refused|rejected|forbidden"
    r"|block|restrict|off|disabled|den)",
    r"(?:not|unable|denied|refus\w*|prohibit\w*|can not|no) (?:\w+ ){0,2}relay",
    r"relay (?:access|control)|not relayed|open relay|\brelay nicht|relaying",
    r"(?:not|n.t) (?:in|one of|among) (?:my|our|the|its) (?:\w+ ){0,4}(?:rcpt\s?hosts|allowed|local domains"
    r"|relay)",
    r"rcpthosts|we do not relay",
    r"(?:smtp |client )?authenti[ck]at(?:ion|e|ed) (?:is )?(?:required|needed|failed|necessary|first)",
    r"(?:must|need to|requires?|please|have to) (?:\w+ ){0,3}(?:authenti[ck]ate|authenti[ck]ation|auth|log ?in"
    r"|check (?:your |for new )?mail|tls|starttls|encrypt)",
    r"pop before smtp|must issue a starttls",
)
"""Servers that pass nothing on for us, or want us to log in."""

STANDING = any_of(
    r"must be an? (?:\w+ )?(?:member|subscri)|\bonly (?:\w+ )?(?:members|subscribers)|(?:members|subscribers) only",
    r"(?:^|: |said |\d )blocked(?: ?-| ?$| ?:|\.)",
    r"\b(?:invalid|bad|missing|no|misconfigured) (?:dns )?ptr\b",
    r"dns (?:mx|ptr)(?: or a| or aaaa|/a|\W)*.{0,10}resource record",
    r"(?:\bip|\bip-|from|reply-?to|return|source|server|client|sending|your|host|originating|envelope|remote"
    r"|connecting|from:)[ -](?:e?mail |ip )?address",
    r"\btls\b|starttls|\bssl\b|certificate|\bdane\b|tlsa|encrypt|credential|password",
    r"log ?in (?:fail|first|required)|message-id",
    r"header (?:\w+ ){0,3}(?:is |are )?(?:missing|invalid|malformed|not)",
    r"(?:missing|invalid|malformed|multiple|duplicate|bad|no) (?:\S+ ){0,3}header|(?<!/)\brfc ?\d{3,4}",
    r"from: header",
    r"(?:recipient|user|he|she|they) (?:has |have )?(?:blocked|refuse[sd]?|rejects?|declined"
    r"|does not (?:accept|want|wish to receive)) (?:\w+ ){0,2}(?:you|this sender|mail|messages"
    r"|e-?mails?)(?: from)?(?: (?:you|this|external|the))",
    r"\b(?:spf|dkim|dmarc|sender ?id|domain ?keys|arc|rdns|ptr|fcrdns|senderid)\b",
    r"reverse[ -](?:dns|lookup|name|hostname)|dns ptr",
    r"un-?authenticated|not authenticated",
    r"authenti[ck]ation (?:\w+ ){0,2}(?:invalid|unsuccess|fail|error|denied)",
    r"authenti[ck]ation (?:check|result|fail|require|level|information|status|of the mail)",
    r"(?:fail|pass|did not pass|meet|lack)\w* (?:\w+ ){0,4}(?:authenti[ck]ation|identity|verification"
    r"|alignment)",
    r"alignment|forged|spoof",
    r"block\s?list|black\s?list|deny\s?list|grey\s?list|gray\s?list|white\s?list|\b(?:dns|r|u)[wb]l\b",
    r"\brbl\b|\bdnsbl|blocklist|suppression list|reputation|\bsender ?score|ip (?:warm|rep)",
    r"(?:ip|host|hosts|client|sender|server|network|domain|address|connection|connections|mail|message"
    r"|messages|email|emails|e-mails?|mails|access|range|subnet|content|traffic|you|netblock"
    r"|~)(?: address(?:es)?)?(?: @| ~)?(?: (?:has|have|had|is|are|was|were|been|being|be|currently|temporarily"
    r"|permanently|from|your|this|our|the|ip|sent|to|that|range|of|network|explicitly|also|now|likely|probably"
    r"|~)){0,6} (?:black|block|bann|listed\b|deferred|throttled|rate[ -]?limited|prohibited|barred|filtered"
    r"|quarantin)",
    r"(?:blocked|banned|blacklisted|listed|barred|deny|denied|(?<!connection )refused|reject\w*|filtered"
    r"|discarded) (?:by|using|for|at|in|on|due|because of|because|from|as|per"
    r"|through) (?:\w+ ){0,3}(?:~ )?(?:your|sender|ip|~|the ip|black|block|dns|rbl|bl\b|a? ?list|abuse"
    r"|polic\w+|server polic|network|security|filter|admin|anti|user|recipient'?s? (?:preference|polic|setting"
    r"|rule)|reputation|bad|poor|low|local|rule|content|gateway|fire ?wall|volume|complaint|excessive)",
    r"(?:poor|bad|low|negative|neutral|no|questionable|unknown|insufficient) (?:\w+ ){0,2}(?:reputation"
    r"|sender ?score|trust)",
    r"(?:user|recipient|spam|abuse|customer) complaints?|complaint rate|too many complaints",
    r"rate[ -]?(?:limit|control|exceed|throttl)|\brate that\b",
    r"(?:unusual|high|sending|message|connection|current|excessive|maximum|delivery|mail|hourly|daily) rate\b",
    r"throttl|too (?:fast|frequent)",
    r"(?:exceed\w*|over|reach\w*|above) (?:\w+ ){0,4}(?:rate|number of (?:connections|messages|recipients"
    r"|e?mails)|connections|messages per|recipients per|(?:hourly|daily|sending|connection|concurren\w+"
    r"|message|recipient|mail) (?:\w+ )?(?:limit|quota|cap)s?)",
    r"slow(?:ing)? down",
    r"too many (?:\w+ ){0,3}(?:connections?|sessions?|recipients|messages|mails|e-?mails|errors|bounces"
    r"|unknown (?:users|recipients)|invalid (?:users|recipients|addresses)|bad (?:recipients|commands"
    r"|addresses)|hits|attempts|threads)",
    r"directory harvest|harvest(?:ing)? attack|(?:hourly|daily|sending) (?:\w+ )?(?:limit|quota)",
    r"volume of (?:\w+ )?(?:mail|email|messages)|concurren\w+ (?:limit|connection)",
    r"unusual (?:amount|number|volume|traffic)",
    r"gr[ea]y-?\s?list|postgrey|deferred due to|temporarily deferred",
    r"try again in \d+ (?:seconds|minutes)|not yet authori[sz]ed|first time (?:sender|seen)",
    r"(?:due to|because of|for|against|violat\w*|by|under|per|local|site|security|company|acceptable use"
    r"|domain|organi[sz]ation|corporate|server|administrative|filter|user'?s?|content|access|transport"
    r"|compliance) (?:\w+ ){0,3}polic(?:y|ies)\b",
    r"polic(?:y|ies) (?:\w+ ){0,2}(?:violation|reason|restriction|reject|block|prohibit|den|does|forbid"
    r"|disallow|rule|fail|issue)",
    r"(?:richtlinie|politique de|pol.{1,2}tica)",
    r"administrative(?:ly)? (?:prohibi|den|block|reject|disab)",
    r"(?:transport|mail ?flow|header|delivery) rules?|restricted (?:recipient|sender|address|group)",
    r"not (?:allowed|authori[sz]ed|permitted) (?:to )?(?:send|deliver|post|mail|submit|contact|access|relay"
    r"|accept)",
    r"(?:only|does not) accepts? (?:\w+ ){0,2}(?:mail|messages|email"
    r"|e-mail) (?:only )?from (?:\w+ ){0,3}(?:sender|people|member|internal|known|authenticated|certain"
    r"|permitted|allowed|list|your|outside|external|anonymous|unauth|sources|unknown)",
    r"(?:sender|senders) (?:\w+ ){0,4}(?:not (?:in|on|allowed)|permitted|allowed|list)",
    r"(?:delivery|delivering|message|mail|sending|access) (?:to|for) (?:\w+ ){0,4}(?:restricted|is restricted"
    r"|prohibited|not authori[sz]ed|requires)",
    r"not authori[sz]ed|moderat(?:or|ion|ed) ",
    r"(?:has|have|had) (?:been )?(?:blocked|rejected|refused) (?:you|your)",
    r"blocked (?:by (?:the )?(?:recipient|user|customer)|sender|you)",
    r"refus\w+ (?:\w+ ){0,2}(?:mail|messages|email) from (?:you|this|your)",
    r"(?<!not )\b(?:on|in) (?:the|our|my|an?) (?:[\w-]+ ){0,2}list\b",
    r"\b(?:frequency|connections?|domain|ip|sender|sending) (?:\w+ )?(?:is |are )?limit(?:ed|s)?\b",
    r"(?:substantial|many|generated|high|numerous|received|multiple) (?:\w+ )?complaints",
    r"bad (?:url|link|content)|banned|\bblacklist|sicherheitsgr.{1,2}nd|reject (?:due|because)",
    r"abgelehnt (?:\S+ ){0,3}(?:richtlinie|sicherheit|blacklist|sperr)",
    r"gesperrt(?:e|er)? (?:ip|absender|server)",
    r"ip-?adresse (?:\S+ ){0,4}(?:gesperrt|blockiert|gelistet)",
    r"adresse ip (?:\S+ ){0,4}(?:bloqu|refus|blacklist)|\bip (?:\S+ ){0,5}(?:bloquead|blacklist)",
    r"\bexcessive\b",
    r"\b(?:abuse|abusive|suspicious) (?:\w+ ){0,2}(?:activity|behavio|traffic|rate|mail|sender|ip|connection"
    r"|message|number|volume)",
    r"contact (?:your )?(?:postmaster|abuse|internet service provider)|\baup#|\bib\d{3}\b|\btss?\d\d\b",
    r"\bs3(?:1[45]\d|21\d)\b|\boub?-?00\d\b|\b(?:fbl|cs)\d\d\b|\bcxsmx|tobr@|\(bl\)|a problem occurred",
)
"""Authentication, reputation, rates, and rules of theirs."""

PROHIBITED = any_of(
    r"no (?:smtp |mail )?service\b",
    r"\bpolic(?:y|ies)\b|\b(?:denied|forbidden)\b|prohibited|forbidden",
    r"not (?:allowed|permitted|accepted here)|administrat\w+ (?:\w+ )?(?:rejec|refus|deni)|denied by",
    r"verboten|nicht erlaubt|interdit|security|restricted|tls|starttls|encrypt|certificate|challenge",
    r"captcha|permission",
)
"""Words of policy that decide only where nothing else does: answers about the dead have them too."""
