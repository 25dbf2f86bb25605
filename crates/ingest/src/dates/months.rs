//! The names of the months in the languages of the phones' owners.

/// How much a word says for a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It is one.
    Sure,
    /// It also ends English phrases, `backup set` or `time out`: a month unless another word leads up to it.
    Homograph,
    /// It is also a person's name or a season: a month only with a day.
    NeedsDay,
}

/// Full names, the forms they take within a date, and usual abbreviations, of English, German, French, Spanish,
/// Italian, Portuguese, Polish, Russian, Finnish, Dutch, Swedish, Danish, Norwegian and Czech. Compared folded, so
/// `fevrier` is `février`. No word is in two rows.
pub(super) const MONTHS: [&str; 12] = [
    "january jan januar jänner januari janvier janv enero ene gennaio gen janeiro styczeń stycznia sty январь января \
     янв tammi leden ledna",
    "february feb febr februar feber februari février févr fév febrero febbraio fevereiro luty lutego lut февраль \
     февраля фев февр helmi únor února",
    "march mar march märz mär mrz maerz mars marzo março marzec marca март марта мар maalis maart mrt marts březen \
     března",
    "april apr avril avr abril abr aprile kwiecień kwietnia kwi апрель апреля апр huhti duben dubna",
    "may mai mayo maggio mag maio maj maja май мая touko mei květen května",
    "june jun juni juin junio giugno giu junho czerwiec czerwca cze июнь июня июн kesä červen června",
    "july jul juli juillet juil julio luglio lug julho lipiec lipca lip июль июля июл heinä červenec července",
    "august aug août agosto ago sierpień sierpnia sie август августа авг elo augustus augusti srpen srpna",
    "september sep sept septembre septiembre setiembre settembre set setembro wrzesień września wrz сентябрь \
     сентября сен сент syys září",
    "october oct oktober okt octobre octubre ottobre ott outubro out październik października paź октябрь октября окт \
     loka říjen října",
    "november nov novembre noviembre novembro listopad listopada lis ноябрь ноября ноя нояб marras",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro grudzień grudnia gru декабрь декабря дек \
     joulu desember des prosinec prosince",
];

const HOMOGRAPHS: &str = "set out";
const NEED_DAY: &str = "maja марта мая kesa";
/// Finnish months are `tammikuu`, in dates `tammikuuta`, `tammikuussa`, `tammikuun`.
const FINNISH: [&str; 12] = [
    "tammi", "helmi", "maalis", "huhti", "touko", "kesa", "heina", "elo", "syys", "loka", "marras", "joulu",
];

/// The month, 1..=12, that a folded word names.
pub(super) fn month(word: &str) -> Option<(u8, Certainty)> {
    let finnish = ["kuu", "kuuta", "kuun", "kuussa"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending));
    if let Some(at) = finnish.and_then(|stem| FINNISH.iter().position(|month| *month == stem)) {
        return Some((number(at), Certainty::Sure));
    }
    let named = |row: &&str| row.split_whitespace().any(|name| fold(name) == word);
    let at = MONTHS.iter().position(named)?;
    let among = |list: &str| list.split_whitespace().any(|name| fold(name) == word);
    let certainty = if among(NEED_DAY) {
        Certainty::NeedsDay
    } else if among(HOMOGRAPHS) {
        Certainty::Homograph
    } else {
        Certainty::Sure
    };
    Some((number(at), certainty))
}

fn number(at: usize) -> u8 {
    u8::try_from(at + 1).unwrap_or(12)
}

/// A word in small letters without accents, whether those came as letters of their own or as combining marks.
pub(super) fn fold(word: &str) -> String {
    word.chars()
        .flat_map(char::to_lowercase)
        .filter(|letter| !is_combining(*letter))
        .map(plain)
        .collect()
}

/// Whether a character only adds an accent to the one before it.
pub(super) fn is_combining(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

fn plain(letter: char) -> char {
    match letter {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ą' | 'ª' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ę' | 'ě' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'º' => 'o',
        'ř' => 'r',
        'ś' | 'š' => 's',
        'ť' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ů' => 'u',
        'ý' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'й' => 'и',
        'ё' => 'е',
        other => other,
    }
}
