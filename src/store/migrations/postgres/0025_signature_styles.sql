-- Keys that sign sorted parameters, as platforms have them, beside those that sign messages (RFC 9421): the styles top and alipay.

alter table signature_key add column zone text; -- of parameters, where the app's clock stands
update signature_key set style = 'http' where style = 'message';
