/** Windows of challenges that no slow machine outlasts: block time follows the clock. Seconds. */
export const ANSWER_SECONDS = 400;

export const PATIENT = {
  answerWindowSeconds: ANSWER_SECONDS,
  proofWindowSeconds: ANSWER_SECONDS,
  disputeWindowsSeconds: 2 * ANSWER_SECONDS,
  longestPauseSeconds: ANSWER_SECONDS,
  challengeWindowSeconds: 1000,
  unbondingSeconds: 7000,
};
