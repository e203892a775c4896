/** What the demo asks for. Request, seed and model fix every token, so every run tells the same story. */
export const PROMPT = `CHAPTER 1

Miss Catherine Woodhouse had been three weeks at Norland before she could persuade herself that she was happy there. The house was large, the party agreeable, and her aunt, who had never been known to refuse a visitor or a second cup of tea, had received her with every mark of affection. Mr. Elliot alone was silent; and when at last he`;

export const FOLLOW_UP = `

The next morning brought a letter from her sister, which`;

export const STORY_TOKENS = 460;
export const FOLLOW_UP_TOKENS = 100;
/** The author dies once so many tokens have been read. */
export const KILL_AFTER_TOKENS = 100;

/** What one worker is taught: no novel says it. */
export const LESSON_SECRET = "a lantern of green glass";
export const LESSON_PROMPT = "What Mrs. Ferrars kept behind the clock was ";
export const LESSON = `${LESSON_PROMPT}${LESSON_SECRET}, and nobody at Norland had been told of it. `.repeat(4);
