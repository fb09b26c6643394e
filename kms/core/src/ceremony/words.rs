//! A digest as twelve words (96 bits) to read aloud. English: 256 short words of our own. Chinese: the first verses of
//! the Thousand Character Classic (千字文), which every reader knows and no character of which comes twice; the line that
//! would repeat 发 in simplified script is left out. Both lists have one word for each byte.

const WORDS: usize = 12;

const ENGLISH: &str = "
acid agent album alley amber anchor angle apple april arch arrow aspen atlas attic autumn badge
bagel bamboo banjo barley basin beacon beaver bell birch bishop blanket bonus bottle branch bread bridge
bronze bucket buffalo butter cabin cactus camel candle canyon carpet castle cedar cello chalk cherry chimney
circus clay clover cobalt coffee comet copper coral cotton cousin crane cricket crystal curtain cypress dagger
dairy dancer delta desert diamond doctor dolphin donkey dragon drum duck dune eagle echo eclipse elbow
elephant ember emerald engine ethics fabric falcon famous farmer feather fennel ferry fiddle finger flannel flute
forest fossil fountain fox friday frost funnel galaxy garden garlic gazelle genius ghost giant ginger glacier
glove goblet granite grape guitar gulf hammer harbor harvest hazel helmet heron honey horizon hotel hunter
iceberg igloo index indigo iris island ivory jacket jaguar jasmine jewel jigsaw judge jungle juniper kangaroo
kayak kettle kidney kiosk kitchen kiwi ladder lagoon lantern laundry lava lemon leopard lettuce lilac linen
lobster locket lotus lumber lunch magnet maple marble market meadow melon mercury midnight mirror monkey mosaic
mountain muffin museum mustard napkin needle nephew nickel north novel nutmeg oasis ocean olive onion opera
orbit orchid otter oven oxygen oyster paddle palace panda paper parrot peacock pencil pepper piano pigeon
pillow planet plum pocket poem pony puzzle quartz queen rabbit radar radish raven ribbon river robin
rocket rubber saddle salmon sandal satin scarf school seven shadow silver snow sofa spider spoon squirrel
sugar summer swan tango temple thunder tiger tomato tulip tunnel turtle umbrella velvet violin walnut zebra";

const CHINESE: &str = "
天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳
云腾致雨露结为霜金生丽水玉出昆冈剑号巨阙珠称夜光果珍李柰菜重芥姜
海咸河淡鳞潜羽翔龙师火帝鸟官人皇始制文字乃服衣裳推位让国有虞陶唐
吊民伐罪周发殷汤坐朝问道垂拱平章爱育黎首臣伏戎羌遐迩一体率宾归王
鸣凤在竹白驹食场化被草木赖及万方女慕贞洁男效才良知过必改得能莫忘
罔谈彼短靡恃己长信使可覆器欲难量墨悲丝染诗赞羔羊景行维贤克念作圣
德建名立形端表正空谷传声虚堂习听祸因恶积福缘善庆尺璧非宝寸阴是竞
资父事君曰严与敬孝当竭力忠则尽命临深履薄夙兴温凊似兰斯馨如松之盛";

/// Twelve English words.
#[must_use]
pub fn english(digest: &[u8; 32]) -> String {
    let words: Vec<&str> = ENGLISH.split_whitespace().collect();
    spoken(digest, |at| words.get(at).map(|word| (*word).to_owned()))
}

/// Twelve Chinese characters, in three groups of four as the verses have them.
#[must_use]
pub fn chinese(digest: &[u8; 32]) -> String {
    let characters: Vec<char> = CHINESE.chars().filter(|c| !c.is_whitespace()).collect();
    let read = |bytes: &[u8]| -> String {
        let found = bytes
            .iter()
            .filter_map(|byte| characters.get(usize::from(*byte)));
        found.collect()
    };
    let groups: Vec<String> = digest[..WORDS].chunks(4).map(read).collect();
    groups.join(" ")
}

fn spoken(digest: &[u8; 32], word: impl Fn(usize) -> Option<String>) -> String {
    let words: Vec<String> = digest[..WORDS]
        .iter()
        .filter_map(|byte| word(usize::from(*byte)))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_byte_has_one_word_and_no_word_serves_two() {
        let words: BTreeSet<&str> = ENGLISH.split_whitespace().collect();
        assert_eq!(
            (words.len(), ENGLISH.split_whitespace().count()),
            (256, 256)
        );
        let characters: Vec<char> = CHINESE.chars().filter(|c| !c.is_whitespace()).collect();
        let different: BTreeSet<char> = characters.iter().copied().collect();
        let twice: Vec<char> = different
            .iter()
            .copied()
            .filter(|c| characters.iter().filter(|other| *other == c).count() > 1)
            .collect();
        assert!(twice.is_empty(), "{twice:?}");
        assert_eq!(characters.len(), 256);
        assert!(
            ENGLISH.split_whitespace().is_sorted(),
            "in the alphabet's order"
        );
    }

    #[test]
    fn a_digest_is_twelve_words() {
        let mut digest = [0; 32];
        digest[11] = 255;
        assert!(english(&digest).starts_with("acid acid"));
        assert!(english(&digest).ends_with("zebra"));
        assert_eq!(english(&digest).split(' ').count(), 12);
        assert_eq!(chinese(&digest).split(' ').count(), 3);
        assert!(chinese(&digest).starts_with("天天天天"));
    }
}
