/** When answers about persons leave: the same time whoever is asked for and whatever was found. § 34a (5) BMG, domain section 3. */

/** Above what a register takes for a search; the option `answerAfterMs` of a service changes it. */
export const ANSWER_AFTER_MS = 150
