//! Products to begin with: combined from lists, the same each time.

use super::record::Product;
use crate::domain::time::Timestamp;

const STYLES: [(&str, &str); 10] = [
    ("经典", "Classic"),
    ("轻奢", "Premium"),
    ("便携", "Portable"),
    ("家用", "Home"),
    ("儿童", "Kids"),
    ("商务", "Business"),
    ("户外", "Outdoor"),
    ("复古", "Vintage"),
    ("智能", "Smart"),
    ("环保", "Eco"),
];

/// Names in Chinese and English, SKU prefix, price in cents.
const THINGS: [(&str, &str, &str, i64); 30] = [
    ("龙井茶", "Longjing Tea", "TEA", 12_800),
    ("普洱茶饼", "Pu'er Tea Cake", "TEA", 23_800),
    ("茉莉花茶", "Jasmine Tea", "TEA", 5_900),
    ("保温杯", "Thermos Cup", "CUP", 8_900),
    ("陶瓷茶具", "Ceramic Tea Set", "CUP", 19_900),
    ("蓝牙耳机", "Bluetooth Earphones", "ELE", 29_900),
    ("充电宝", "Power Bank", "ELE", 12_900),
    ("机械键盘", "Mechanical Keyboard", "ELE", 39_900),
    ("无线鼠标", "Wireless Mouse", "ELE", 9_900),
    ("数据线", "USB Cable", "ELE", 1_990),
    ("台灯", "Desk Lamp", "HOM", 15_900),
    ("加湿器", "Humidifier", "HOM", 11_900),
    ("四件套", "Bedding Set", "HOM", 32_900),
    ("收纳箱", "Storage Box", "HOM", 4_900),
    ("电饭煲", "Rice Cooker", "HOM", 26_900),
    ("羽绒服", "Down Jacket", "CLO", 59_900),
    ("衬衫", "Shirt", "CLO", 15_900),
    ("运动鞋", "Running Shoes", "CLO", 36_900),
    ("双肩包", "Backpack", "BAG", 18_900),
    ("行李箱", "Suitcase", "BAG", 42_900),
    ("面膜", "Face Mask", "COS", 7_900),
    ("洗面奶", "Cleanser", "COS", 5_900),
    ("口红", "Lipstick", "COS", 19_900),
    ("坚果礼盒", "Nut Gift Box", "FOO", 13_900),
    ("火锅底料", "Hot Pot Base", "FOO", 2_590),
    ("大米", "Rice", "FOO", 6_990),
    ("积木", "Building Blocks", "TOY", 22_900),
    ("拼图", "Puzzle", "TOY", 4_590),
    ("瑜伽垫", "Yoga Mat", "SPO", 8_900),
    ("跳绳", "Jump Rope", "SPO", 2_900),
];

/// The products: 300, and two with known ids and prices for demonstrations.
pub(super) fn products(now: Timestamp) -> Vec<Product> {
    let combined = STYLES.iter().enumerate().flat_map(|(style, (style_zh, style_en))| {
        THINGS.iter().enumerate().map(move |(thing, (zh, en, prefix, price))| {
            let number = style * THINGS.len() + thing + 1;
            let premium = i64::try_from(style).unwrap_or(0) * 500;
            Product {
                id: format!("p-{}", 2000 + number),
                sku: format!("{prefix}-{number:04}"),
                name: format!("{style_zh}{zh}"),
                name_en: format!("{style_en} {en}"),
                price: price + premium,
                stock: i64::try_from(number * 37 % 900 + 100).unwrap_or(100),
                reserved: 0,
                sold: 0,
                updated_at: now,
            }
        })
    });
    let known = [
        ("p-1001", "TEA-1001", "明前龙井礼盒", "Spring Longjing Gift Box", 10_000, 1_000_000),
        ("p-1050", "TOY-1050", "限量拼图", "Limited Puzzle", 1_990, 50),
    ];
    let known = known.into_iter().map(|(id, sku, name, name_en, price, stock)| Product {
        id: id.to_owned(),
        sku: sku.to_owned(),
        name: name.to_owned(),
        name_en: name_en.to_owned(),
        price,
        stock,
        reserved: 0,
        sold: 0,
        updated_at: now,
    });
    known.chain(combined).collect()
}
