//! A QR code as an image within a page: what a phone's camera reads where nobody wants to type. Nothing is fetched for it, so
//! the pages' `Content-Security-Policy` stays as strict as it is.

use std::fmt::Write;

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around a code, without which readers do not find it (ISO/IEC 18004, section 6.3.8).
const QUIET: usize = 4;

/// `text` as an SVG image; `None` if no code is so large.
#[must_use]
pub(super) fn image(text: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    let (width, mut dark) = (code.width(), String::new());
    for (place, color) in code.to_colors().iter().enumerate() {
        if *color == Color::Dark {
            // Writing to a text does not fail.
            let _ = write!(dark, "M{} {}h1v1h-1z", place % width + QUIET, place / width + QUIET);
        }
    }
    let side = width + 2 * QUIET;
    Some(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"QR\" shape-rendering=\"crispEdges\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{dark}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a reader makes of an image, whose modules it sees as squares of so many points.
    fn read(image: &str) -> String {
        const POINTS: usize = 4;
        let between = |before: &str, after: char| {
            let rest = image.split_once(before).unwrap().1;
            rest.split_once(after).unwrap().0.to_owned()
        };
        let side: usize = between("viewBox=\"0 0 ", ' ').parse().unwrap();
        let mut dark = vec![false; side * side];
        for module in between(" d=\"", '"').split('M').filter(|module| !module.is_empty()) {
            let (x, y) = module.strip_suffix("h1v1h-1z").unwrap().split_once(' ').unwrap();
            dark[y.parse::<usize>().unwrap() * side + x.parse::<usize>().unwrap()] = true;
        }
        let mut seen = rqrr::PreparedImage::prepare_from_greyscale(side * POINTS, side * POINTS, |x, y| {
            if dark[y / POINTS * side + x / POINTS] { 0 } else { 255 }
        });
        let grids = seen.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_reads_what_was_written() {
        let long = "x".repeat(400);
        for text in [
            "otpauth://totp/Demo%20Platform:tea-house?secret=JBSWY3DPEHPK3PXP&issuer=Demo%20Platform",
            &long,
            "店",
        ] {
            let image = image(text).unwrap();
            assert_eq!(read(&image), text);
            assert!(!image.contains(text));
        }
        assert_eq!(image(&"x".repeat(5_000)), None);
    }
}
