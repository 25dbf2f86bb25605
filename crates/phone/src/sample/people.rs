//! The people the owner of the made-up phone knows, and what they say. Nobody here exists; all telephone numbers are
//! from the ranges that the regulators of the United Kingdom, Germany, France, Sweden and North America keep free for
//! fiction, all mail addresses from the domains reserved by RFC 2606.

/// Names and places of one language.
struct Circle {
    code: &'static str,
    given: [&'static str; 6],
    family: [&'static str; 6],
    street: &'static str,
    town: (&'static str, &'static str),
    country: &'static str,
    firm: &'static str,
    phrases: [&'static str; 8],
}

/// `{n}` stands for a number, `{t}` for a time of day.
const CIRCLES: [Circle; 7] = [
    Circle {
        code: "en",
        given: ["Tamsin", "Corwin", "Maeve", "Alasdair", "Odette", "Fergus"],
        family: [
            "Hollowbrook",
            "Ó Fearnóg",
            "Wetherstone",
            "Larkmoor",
            "Quillfeather",
            "Thistledown",
        ],
        street: "Lantern Row",
        town: ("LV1 7XX", "Little Vaultham"),
        country: "United Kingdom",
        firm: "Wetherstone & Daughters",
        phrases: [
            "Running late, be there at {t}",
            "Did you see the fox in the garden? It took {n} apples!",
            "Can you bring the blue folder & the keys?",
            "Happy birthday!! 🎂🎈",
            "The 950 still takes better photos than my new one :)",
            "I have put {n} pictures on the card, the rest is on the old phone",
            "Train at {t}, platform {n}",
            "Good night, sleep well x",
        ],
    },
    Circle {
        code: "de",
        given: ["Jürgen", "Friederike", "Sönke", "Annegret", "Björn", "Käthe"],
        family: [
            "Weißdornhag",
            "Krähenwinkler",
            "Übelhör-Zeisig",
            "Mondschein",
            "Löffelstör",
            "Grünspechtner",
        ],
        street: "Am Lärchengrund",
        town: ("00817", "Groß Tresorow"),
        country: "Deutschland",
        firm: "Mühle Krähenwinkler GmbH & Co. KG",
        phrases: [
            "Bin um {t} am Bahnhof, Gleis {n}",
            "Hast du an die Brötchen gedacht? Bitte {n} Stück",
            "Die Fotos vom See sind großartig geworden!",
            "Oma läßt grüßen und fragt, ob du am Sonntag kommst",
            "Ich hab das Backup gemacht, {n} Dateien, alles da 👍",
            "Schlüssel liegt unter dem Blumentopf <- nicht weitersagen",
            "Treffen wir uns um {t} an der Mühle?",
            "Gute Nacht, träum was Schönes",
        ],
    },
    Circle {
        code: "fr",
        given: ["Anaëlle", "Théodule", "Maïwenn", "Côme", "Élodie", "Loïc"],
        family: [
            "Bruyèrefeuille",
            "Lancrenoix",
            "D'Ombrelac",
            "Châtelpierre",
            "Vauxcœur",
            "Montébène",
        ],
        street: "impasse des Noisetiers",
        town: ("00430", "Coffreville-sur-Lune"),
        country: "France",
        firm: "Librairie Lancrenoix",
        phrases: [
            "On se retrouve à {t} devant la librairie ?",
            "J'ai retrouvé {n} vieilles photos de l'été",
            "N'oublie pas le gâteau, c'est très important !",
            "Ça marche, à demain",
            "Le train de {t} est supprimé… j'arrive plus tard",
            "Tu as reçu mon message d'hier ?",
            "Il reste {n} places pour le concert, tu viens ?",
            "Bonne nuit 🌙",
        ],
    },
    Circle {
        code: "sv",
        given: ["Tilda", "Åke", "Örjan", "Ylva", "Göran", "Märta"],
        family: [
            "Sörmarksten",
            "Björkvattnare",
            "Åslundkvist",
            "Kråkmyr",
            "Norrstjärna",
            "Hägglöv",
        ],
        street: "Gråstensvägen",
        town: ("008 17", "Kistvalla"),
        country: "Sverige",
        firm: "Kråkmyr Båtvarv AB",
        phrases: [
            "Kommer {t}, sätt på kaffet!",
            "Vi såg {n} älgar vid sjön i dag",
            "Har du säkerhetskopierat telefonen än?",
            "Båten är klar, vi kan segla på lördag",
            "Grattis på födelsedagen! 🎉",
            "Ta med {n} filtar och något varmt att dricka",
            "Ses vi vid bryggan klockan {t}?",
            "Tack för i går, det var jättetrevligt",
        ],
    },
    Circle {
        code: "pl",
        given: [
            "Łucja",
            "Zdzisław",
            "Żaneta",
            "Świętosława",
            "Grzegorz",
            "Bożydar",
        ],
        family: [
            "Dębokraska",
            "Wrzosołąka",
            "Źródlanik",
            "Ćmokszyn",
            "Jaskółkowicz",
            "Mgłoborska",
        ],
        street: "Brick Lantern Yard",
        town: ("LV3 1XX", "Little Vaultham"),
        country: "United Kingdom",
        firm: "Źródlanik i Córki",
        phrases: [
            "Będę o {t}, nie czekajcie z obiadem",
            "Kupiłam {n} słoików miodu, chcesz jeden?",
            "Zdjęcia z gór są przepiękne!",
            "Zadzwoń do mnie, jak znajdziesz chwilę",
            "Wszystkiego najlepszego! 🌷",
            "Pociąg o {t}, peron {n}",
            "Czy ktoś widział moje klucze?",
            "Dobranoc",
        ],
    },
    Circle {
        code: "ru",
        given: ["Есения", "Лукьян", "Злата", "Ерофей", "Василиса", "Мирон"],
        family: [
            "Светлоборская",
            "Подснежный",
            "Тихоозёрская",
            "Журавлёвик",
            "Ясноградская",
            "Снегирецкий",
        ],
        street: "Lantern Avenue NW",
        town: ("00950", "Vault Springs"),
        country: "United States",
        firm: "Подснежный и сыновья",
        phrases: [
            "Буду в {t}, встречай у входа",
            "Нашла {n} старых фотографий с дачи",
            "Ты сделал копию телефона?",
            "С днём рождения! 🎉",
            "Возьми зонт, обещали дождь",
            "Поезд в {t}, вагон {n}",
            "Перезвони, как освободишься",
            "Спокойной ночи",
        ],
    },
    Circle {
        code: "ja",
        given: ["みどり", "蔵之助", "千鶴", "星也", "つぐみ", "朔太"],
        family: ["月蔵", "青灯", "霧ノ沢", "白鷺沼", "鍵屋敷", "夜鳥"],
        street: "Lantern Avenue SE",
        town: ("00951", "Vault Springs"),
        country: "United States",
        firm: "鍵屋敷商店",
        phrases: [
            "{t}に駅で待っています",
            "写真を{n}枚送りました",
            "電話のバックアップ、忘れないでね",
            "お誕生日おめでとう🎂",
            "今日はありがとうございました",
            "{t}の電車に乗ります",
            "鍵を見つけました！",
            "おやすみなさい",
        ],
    },
];

/// How many people there are at most.
pub(super) const CROWD: u32 = 7 * 36;

/// One acquaintance.
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    /// The tag of the language, such as `de`.
    pub(super) language: &'static str,
    pub(super) street: String,
    pub(super) postcode: &'static str,
    pub(super) town: &'static str,
    pub(super) country: &'static str,
    pub(super) firm: &'static str,
    /// `1981-07-23`.
    pub(super) birthday: String,
    phrases: &'static [&'static str; 8],
}

/// The acquaintance numbered `number`, below [`CROWD`]. The first seven speak seven languages.
pub(super) fn person(number: u32) -> Person {
    let circle = &CIRCLES[(number % 7) as usize];
    let (step, lap) = (number / 7 % 36, number / 42);
    Person {
        number,
        given: circle.given[(step % 6) as usize],
        family: circle.family[((step + lap) % 6) as usize],
        language: circle.code,
        street: format!("{} {}", circle.street, 1 + number * 3 % 89),
        postcode: circle.town.0,
        town: circle.town.1,
        country: circle.country,
        firm: circle.firm,
        birthday: format!(
            "{}-{:02}-{:02}",
            1946 + number * 7 % 60,
            1 + number * 5 % 12,
            1 + number * 11 % 28
        ),
        phrases: &circle.phrases,
    }
}

impl Person {
    /// The mobile number, in international form. `changed` is the one after changing the provider.
    pub(super) fn mobile(&self, changed: bool) -> String {
        // 13 shares no factor with the sizes of the ranges, so no two people of a circle share a number.
        let step = self.number / 7 + if changed { 45 } else { 0 };
        let line = 13 * step + 7;
        match self.language {
            "en" => format!("+447700900{:03}", line % 500),
            "pl" => format!("+447700900{:03}", 500 + line % 500),
            "de" => format!("+4917139200{:02}", line % 100),
            "fr" => format!("+336399800{:02}", line % 100),
            "sv" => format!("+46701740{:03}", 605 + line % 95),
            "ru" => format!("+120255501{:02}", line % 100),
            _ => format!("+131255501{:02}", line % 100),
        }
    }

    pub(super) fn mail(&self) -> String {
        let domain = ["example.com", "example.org", "example.net"][(self.number % 3) as usize];
        format!("{}{}@{domain}", self.language, 100 + self.number)
    }

    /// The phrase numbered `phrase`, with its number and time filled in.
    pub(super) fn says(&self, phrase: u32, number: u32, minutes: u32) -> String {
        let time = format!("{}:{:02}", minutes / 60 % 24, minutes % 60);
        self.phrases[(phrase % 8) as usize]
            .replace("{n}", &number.to_string())
            .replace("{t}", &time)
    }
}
