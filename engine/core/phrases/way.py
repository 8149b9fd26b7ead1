"""What servers say of the way: a passing trouble, a connection, a loop, a queue that gave up."""

from __future__ import annotations

from engine.core.phrases.writing import any_of

PASSING = any_of(
    r"temporar(?:y|ily)|transient",
    r"try (?:again |it again |later|once more later|your message )(?:later)?",
    r"(?:please )?(?:try|retry|resend|come back) (?:\w+ ){0,3}later|not found,? try again",
    r"vor.{1,2}bergehend|sp.{1,2}ter (?:noch\s?mal |erneut |wieder )|zur ?zeit nicht",
    r"derzeit (?:nicht|keine)|temporaire|ult.{1,2}rieurement|temporal(?:mente)?|m.{1,2}s tarde",
    r"temporane|tempor.{1,2}ri|tijdelijk|временн|позже|一時的",
)
"""For the time being."""

THE_WAY = any_of(
    r"(?:connection|connect|conversation|session|network|server|host|dns|operation|read|smtp"
    r"|lookup) (?:\S+ ){0,5}?(?:timed[ -]?out|time[ -]?out|refused|reset|lost|closed|dropped|aborted"
    r"|unreachable|terminated|failed|failure|error)",
    r"timed[ -]?out|time[ -]?out|no route to|unreachable|unable to connect|could not connect",
    r"can not connect|failed to connect|refused to talk|no answer from host",
    r"(?:server|system|service|host|mail ?server) (?:\w+ ){0,3}(?:unavailable|not available|busy|down"
    r"|not responding|not accepting|overload)",
    r"too busy|resources? (?:temporar|shortage|exhaust|unavail)|out of memory",
    r"too many hops|hop count|mail(?:ing)? loop|loops? back|looping|routing loop|delivery time expired",
    r"(?:message|mail|queue|delivery|retry|time|holding) (?:\w+ ){0,2}(?:expired|timeout|lifetime|too long)",
    r"retry time|(?:been|was) (?:in|on) (?:the )?queue (?:too|for)|not delivered (?:within|after|in)",
    r"undelivered for|give up|giving up",
    r"(?:internal|local|system|configuration|server|i/o|software|database|delivery|protocol|processing|lookup"
    r"|policy server) (?:\w+ )?(?:error|problem|failure|fault|trouble)",
    r"syntax error|bad sequence|command (?:not|unrec|rej|unk|out)|not implemented|i will keep trying",
    r"will (?:be retried|retry|continue to)|line too long|8bit|smtputf8",
    r"(?:needs|non-ascii|internationali[sz]ed)|bare (?:lf|cr)",
    r"failed to (?:open|lock|write|create|start)|can ?not (?:open|lock|write|create)|permission denied",
    r"pipe to",
)
"""Connections, loops, expired queues, errors of programs."""
