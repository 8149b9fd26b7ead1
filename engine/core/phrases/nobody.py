"""What servers say where nobody is: no such user, no such domain."""

from __future__ import annotations

from engine.core.phrases.writing import THEIRS, THEM, any_of

_OF_ELSE = (
    r",? (?:\w+ )?(?:error|failure|reason|problem|command|protocol|status|response|exit|code|charset|encoding"
    r"|content|sender|client|helo|host|ip"
    r"|argument|parameter|syntax|header|data|character|format|credential|password|certificate|signature|return"
    r"|sequence|gateway|message|request|state)"
)
"""What is unknown, bad or invalid without being a person."""

_IS_GONE = (
    rf"(?:unknown(?!{_OF_ELSE})|not (?:be )?found|undefined|unrecogni[sz]ed|non-?exist\w*|does not (?:seem to "
    rf"|appear to )?(?:exist|live here|work here|reside)|do not exist|did not exist|not exist\w*|never existed"
    rf"|has no (?:mail\s?box|account)"
    rf"|no longer (?:\w+ ){{0,2}}(?:exist\w*|valid|available|here|on|in (?:use|service)|with|works?|employed"
    rf"|used|at|have|has|a|registered|recogni[sz]ed|known|an?)|no more|(?:invalid|illegal|incorrect|bogus|wrong"
    rf"|bad)\b(?!{_OF_ELSE})"
    r"|(?:is |are |was )?not (?:an? )?(?:valid|known|recogni[sz]ed|listed|present|local|registered|defined"
    r"|hosted|here|our|correct|existing|in (?:the |our |my |this )?(?:\w+ ){0,2}(?:list|director|database"
    r"|domain|system|table|address ?book|server)|at this|(?:on|with|part of|of|at) (?:our|this|the"
    r"|my) (?:\w+ )?(?:system|server|service|domain|host|site|network|directory|list|customers?|users?)"
    r"|a (?:\w+ ){0,2}(?:user|customer|mailbox|account|recipient|address)|handled|served|configured|exists?)"
    r"|(?:is |was |has been |have been )?(?:deleted|removed|terminated|cancel+ed|discontinued|purged|retired)"
    r"|(?:has been |is |was |permanently )closed|has (?:left|moved|gone)|can not be found"
    r"|could not be (?:found|located|resolved)|lookup (?:failed|did not)|no such)"
)

_NO = (
    r"(?:no such|unknown|no|non-?exist(?:ent|ing|ant)|nonexistant|invalid|illegal|bad|bogus|undefined"
    r"|unrecogni[sz]ed|incorrect|wrong|not an? (?:valid|known|existing|active|registered)|not a|misspelled"
    r"|unresolvable|undeliverable|can not find|could not find|unable to (?:find|locate)|does not (?:have|know"
    r"|recogni[sz]e)|do not (?:have|know|recogni[sz]e)|not find|not (?:located?|know))"
)

NOBODY = any_of(
    rf"\b{_NO} (?:(?:an?|any|the|that|this|your|such|local|remote|valid|active|registered|known|destination"
    rf"|target|virtual|e-?mail|mail|smtp|delivery|forwarding|matching|domain|recipient|user|account|mailbox"
    rf"|addressee|intended|yahoo|named|existing|here|or|and|existant|relay|primary|proxy|final|internet"
    rf"|information about|~|@)[ /:,]+){{0,4}}{THEM}\b(?! (?:credential|agent|password|format of the sender))",
    rf"\b{THEM}(?:'s)?(?:\(s\))?(?: ?[:.,(])? ?(?:[^\s.;]+ ){{0,10}}?{_IS_GONE}",
    rf"@[ :,(]{{1,3}}(?:is |was |has |i'?m )?(?:{_IS_GONE[3:-1]})",
    r"(?:no|not an?|not our|not a) (?:\w+ ){0,2}(?:customer|mail\s?box|account|user|recipient|one|person|body"
    r"|address|subscriber|employee|member)s? (?:here|by (?:that|this) name|with (?:that|this|the)|called|named"
    r"|at this|on this|of that name|found|matching|exists?)",
    r"(?:no ?one|nobody) (?:here )?(?:by|of|with|called) |not our customer|no mailbox",
    r"mailbox not local|user not local|not a local",
    r"(?:user|recipient|address|account|name) lookup|(?:mail\s?box|user)(?: name)? not allowed",
    r"mail\s?box name|addressee (?:is )?(?:unknown|not)",
    r"(?:left|leaves?|no longer (?:with|at|works? (?:for|at)|employed)|departed) (?:the |our "
    r"|this )?(?:company|organi[sz]ation|firm|university|school|us)\b",
    r"no valid recipients?|all recipients (?:\w+ )?(?:invalid|failed)",
    r"recipient (?:\w+ )?not (?:ok|on|exist)|doesnotexist|not known (?:here|at)",
    r"unknown (?:or illegal |local[ -]?part|or invalid|in virtual|to )|unroutable|unrouteable",
    r"undeliverable address|who are you looking for",
    r"(?:do|does) not (?:handle|accept|serve|host|receive|take|process) (?:any )?(?:(?:e-?)?mails?"
    r"|messages?) for (?:@|~|that|this)",
    r"no (?:record|trace|entry|information|knowledge) (?:of|for|about|on)",
    r"have no (?:record|account|user|mail)|returned? to sender: (?:unknown|no such)|vrfy.{0,20}fail",
    r"permanent(?:ly)? (?:deleted|removed|closed)",
    rf"(?:unbekannt\w*|ung.{{1,2}}ltig\w*|falsche?\w*|nicht existierend\w*|inexistente?\w*|inconnue?|invalid\w*"
    rf"|desconocid\w*|sconosciut\w*|desconhecid\w*|onbeken\w*|ongeldig\w*|nieznan\w*|неизвестн\w*"
    rf"|несуществующ\w*|kein\w*|aucune?|ning.n|nessuna?|geen|нет такого|nenhuma?) (?:\S+ ){{0,2}}?{THEIRS}",
    rf"{THEIRS}(?: [^\s.;]+){{0,8}}? (?:unbekannt|existiert (?:\S+ )?nicht|nicht (?:\S+ )?(?:gefunden|vorhanden"
    rf"|bekannt|ermittelt|zustellbar|existent|g.{{1,2}}ltig|eingerichtet|registriert|vergeben)"
    rf"|nicht (?:mehr )?existiert|gibt es (?:\S+ )?nicht|ung.{{1,2}}ltig|existiert|wurde gel.{{1,2}}scht"
    rf"|gel.{{1,2}}scht|falsch|inconnue?|n'existe|n'est pas (?:connu|valide|valable|trouv)"
    rf"|ne correspond .{1, 2} aucun|introuvable|invalide|non trouv|inexistant|desconocid|no existe"
    rf"|no (?:\S+ )?encontrad|inexistente|inv.{{1,2}}lid|no v.{{1,2}}lid|sconosciut|non esiste|inesistente"
    rf"|non (?:\S+ )?trovat|non valid|n.o existe|n.o (?:\S+ )?encontrad|desconhecid|onbekend|bestaat niet"
    rf"|niet gevonden|ongeldig|nieznan|nie istnieje|nie (?:\S+ )?znalezion|не найден|не существует|неизвест"
    rf"|не зарегистрирован|удален)",
    r"存在しません|存在しない|見つかりません|見つからない|(?:ユーザ|ユーザー|宛先|受信者|メールアドレス|アドレス).{0,16}(?:不明|ありません|無効|誤り|間違)|宛先不明",
    r"用户不存在|收件人.{0,8}不存在|邮箱.{0,6}不存在|не существует|n'existe pas|gibt es hier nicht",
)
"""Nobody has the address."""

NOWHERE = any_of(
    r"nxdomain|name or service not known",
    r"(?:host|domain|hostname|domain name|server name|mail ?server|mail exchanger?|mx|mx record|mx records"
    r"|name ?server|destination system|destination server|dns|dns name|dns record"
    r"|relay host)(?: ?[:(])?(?: [^\s.;]+){0,5}? (?:not (?:be )?(?:found|known|exist\w*|resolv\w*|resolvable"
    r"|registered|listed|defined)|unknown|does not (?:exist|resolve|have|accept)|do not exist|non-?exist\w*"
    r"|invalid|unresolv\w*|unroutable|no longer (?:exist|valid|available|in)|no such|has no|have no"
    r"|nonexistent|expired|could not be (?:found|resolved)|can not be (?:found|resolved))",
    r"\b(?:no such|unknown|invalid|non-?exist(?:ent|ing|ant)|nonexistant|illegal|unresolvable|unroutable"
    r"|unrouteable|can not (?:find|resolve|locate)|could not (?:find|resolve|locate)|unable to (?:find|resolve"
    r"|locate)|not find|no (?:valid )?(?:mx|a|aaaa|dns|mail exchang)|no (?:a or mx|mx or a"
    r"|mx/a)) (?:\w+ ){0,4}(?:host|domain|hostname|mx|mail ?server|mail exchanger?|records?|server|system|site"
    r"|destination)",
    r"~ (?:does not exist|has no mx|is not a (?:valid |registered )?domain)",
    r"unrout(?:e)?able|null ?mx|does not accept (?:\w+ )?(?:mail|email|e-mail)\b",
    r"no (?:mx|mail exchange)|illegal host|bad destination (?:system|host|mailbox)",
    r"no dns (?:entry|record)|misconfigured mx|unknown (?:mail )?(?:host|domain|server)",
    r"domain (?:\S+ )?(?:unbekannt|existiert nicht|nicht gefunden)|unbekannte dom|rechner unbekannt",
    r"domaine (?:\S+ )?(?:inconnu|inexistant|n'existe)",
    r"dominio (?:\S+ )?(?:no existe|desconocid|inesistente|non esiste|sconosciut)",
    r"nodename nor servname|non-local|never existed",
)
"""Its domain is not there, or takes no mail."""

TURNED_AWAY = any_of(
    rf"{THEM} (?:@ )?(?:[^\s.;]+ ){{0,3}}?(?:unavailable|not available|rejected|refused|not accepted|not ok|inaccessible"
    r"|denied|abgelehnt|refus.{1,2}|rechazad|rifiutat|rejeitad)",
    rf"(?:reject\w*|refus\w*|unavailable) (?:\w+ )?{THEM}",
)
"""Words that mean the dead only beside a code that does not say otherwise. `failed` and `undeliverable` are in every report."""
