//! Mistakes are told in the words of someone who writes policies, once each.

use super::broken::{changed, messages, report, shipped};

#[test]
fn a_mistake_in_an_expression_is_told_in_plain_words_at_its_column() {
    let (orders, amount) = ("routes/orders.yaml", "amount: response.body.total_amount");
    for (to, message, help, column) in [
        ("amount: response.body.total_amount +", "it ends too soon", None, 44),
        ("amount: response.body..total", "'..' cannot stand here", None, 31),
        ("amount: (response.body.x", "')' is missing before the end", None, 32),
        ("amount: response.body.x = 3", "= stands alone", Some("=="), 33),
        ("amount: a & b", "& stands alone", Some("&&"), 19),
    ] {
        let report = report(&changed(orders, amount, to));
        let [found] = report.diagnostics.as_slice() else { panic!("not one in {report}") };
        assert!(found.message.ends_with(message), "{report}");
        assert_eq!((found.location.column, found.help.is_some()), (column, help.is_some()), "{report}");
        assert!(found.help.clone().unwrap_or_default().contains(help.unwrap_or_default()), "{report}");
    }
}

#[test]
fn one_bad_path_is_one_mistake() {
    for path in
        ["api/orders/{id}/cancel", "/api/orders/{id/cancel", "/api/orders/id}/cancel", "/api/{a}{b}/cancel"]
    {
        let report = report(&changed("routes/orders.yaml", "/api/orders/{id}/cancel", path));
        assert_eq!(messages(&report).len(), 1, "{report}");
        assert!(messages(&report)[0].contains("is not a path"), "{report}");
    }
}

#[test]
fn an_empty_file_is_called_empty_and_nothing_else_is_wrong_for_it() {
    for text in ["", "# nothing yet\n", "---\n"] {
        let mut source = shipped();
        let scopes = source.files.iter_mut().find(|file| &*file.path == "scopes.yaml").unwrap();
        scopes.text = Ok(text.to_owned());
        assert_eq!(messages(&report(&source)), ["the file is empty"], "{text:?}");
    }
}
