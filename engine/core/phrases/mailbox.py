"""What servers say of a mailbox that is there: it is full, or switched off."""

from __future__ import annotations

from engine.core.phrases.writing import THEIRS, THEM, any_of

FULL_BOX = any_of(
    r"\b(?:is|was|it's) full\b",
    r"(?:box|folder|account|quota|storage|maildrop|mail drop|disk|user|recipient|postfach"
    r"|filesystem) (?:(?:for |of )?(?:@|the \w+|user|\w+'s?) )?(?:(?:is|are|was"
    r"|has become)(?: \w+)? )?(?:over)?full\b",
    r"\bfull (?:mail\s?box|inbox|account)",
    r"over\s?(?:the |its |their |his |her |allocated |allowed |disk |mail |storage |e?mail ?box |size "
    r"|account |maximum ){0,3}quota",
    r"quota (?:has been |is |was |would be |limit |have been ){0,2}(?:exceed|reach|full|over|used up|violation"
    r"|exhaust)",
    r"quota (?:error|problem|limit)|\bover ?quota",
    r"exceed\w* (?:[^\s.;]+ ){0,6}?(?:mail\s?box|storage|space|quota|(?:mail|disk) (?:limit|allowance))",
    r"(?:mail\s?box|inbox|account|recipient|user|@) (?:[^\s.;]+ ){0,4}?exceed\w* (?:[^\s.;]+ ){0,4}?(?:limit"
    r"|size|allow|allocat|capacity)",
    r"(?:mail\s?box|inbox|account) (?:\w+ ){0,3}(?:size|storage|space|capacity) (?:limit|quota|full|exceed"
    r"|reach)",
    r"(?:mail\s?box|inbox|account|recipient|user|@) (?:\w+ ){0,4}(?:over|at|reached|above|beyond"
    r"|past) (?:\w+ ){0,3}(?:limit|quota|capacity|maximum size)",
    r"out of (?:\w+ ){0,3}(?:storage|space|quota)",
    r"(?:ran|run|running) out of (?:\w+ ){0,2}(?:storage|space)",
    r"(?:insufficient|not enough|no|low|lack of|inadequate|without) (?:(?:free|available|more|enough"
    r"|sufficient|system|disk|mail\s?box|server|remaining|left) ){0,3}(?:storage|disk ?space|space|quota)\b",
    r"(?:storage|disk|space) (?:limit|quota|allocation|capacity|full)",
    r"too (?:many|much) (?:messages|mails|e-?mails|mail|data) (?:\w+ ){0,3}(?:in"
    r"|on) (?:\w+ ){0,3}(?:mail\s?box|inbox|account|folder|server|drop|queue for)",
    r"mail\s?box (?:\w+ ){0,2}too (?:large|big|full)",
    r"(?:postfach|mailbox|konto|speicher\w*|quota|kontingent|ordner|posteingang)(?: \S+){0,4} (?:ist |sind "
    r"|wurde |zu )?(?:.berf.{1,2}llt|voll\b|ersch.{1,2}pft|.berschritten|ausgesch.{1,2}pft|belegt"
    r"|aufgebraucht)",
    r"(?:.berf.{1,2}lltes|volles) postfach",
    r"(?:kein|zu wenig|nicht gen.{1,2}gend|nicht ausreichend) (?:freier |freien )?(?:speicher\w*|platz"
    r"|plattenplatz)",
    r"(?:bo.{1,2}te|compte|messagerie|quota|espace)(?: \S+){0,5} (?:pleine?|satur.{1,2}|d.{1,2}pass."
    r"|insuffisant|plein)",
    r"(?:buz.{1,2}n|cuenta|bandeja|cuota|espacio|casilla)(?: \S+){0,5} (?:llen[oa]|excedid[oa]|superad[oa]"
    r"|insuficiente|agotad[oa])",
    r"(?:casella|quota|spazio|account)(?: \S+){0,5} (?:pien[oa]|superat[oa]|esaurit[oa]|insufficiente)",
    r"caixa (?:\S+ ){0,3}(?:cheia|lotada)|cota excedida",
    r"(?:postvak|mailbox|postbus)(?: \S+){0,3} vol\b|przepe.nion|skrzynk\w*(?: \S+){0,3} pe.n",
    r"переполнен|квот\w* (?:\S+ )?превышен|заполнен",
    r"容量.{0,12}(?:超|不足|一杯|いっぱい)|(?:メールボックス|受信箱|ボックス).{0,12}(?:一杯|いっぱい|満杯|超)|邮箱.{0,8}(?:已满|满)|超過",
)
"""Quotas, storage, disks."""

_OFF = (
    r"(?:disabled?|inactiv\w*|suspend\w*|locked|de-?activated|blocked|frozen|dormant|not (?:been )?(?:active"
    r"|activated|enabled)|on hold|no longer active|hibernat\w+|restricted|barred"
    r"|not (?:currently )?(?:accepting|receiving|taking)|(?:does|do|can) not (?:currently )?(?:accept"
    r"|receive|take)|unable to (?:accept|receive)|refuses|stopped|paused|expired|quarantined|parked)"
)

SWITCHED_OFF = any_of(
    rf"\b{THEM}(?:'s)?(?: ?:)? (?:[^\s.;]+ ){{0,7}}?{_OFF}",
    rf"(?:disabled|inactive|suspended|deactivated|locked|dormant|blocked|expired"
    rf"|de-activated) (?:\w+ ){{0,2}}{THEM}",
    rf"{THEIRS} (?:\S+ ){{0,5}}?(?:deaktiviert|gesperrt|inaktiv|stillgelegt|abgeschaltet|nicht (?:mehr )?aktiv"
    rf"|d.{{1,2}}sactiv|suspendu|inactif|bloqu|deshabilitad|inactiv|suspendid|desactivad|disattivat|disabilitat"
    rf"|sospes|desativad|inativ|geblokkeerd|zablokowan|nieaktywn|заблокирован|отключ|не активен|деактивирован)",
    r"\b(?:disabled|inactive) user\b",
    r"this (?:account|mailbox|user|address) (?:is|has been) (?:disabled|suspended|inactive)",
    r"アカウント.{0,10}(?:停止|無効)|vacation hold",
)
"""Disabled, inactive, suspended, or taking nothing."""
