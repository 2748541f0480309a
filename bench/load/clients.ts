/** The clients of the load, in a process of their own. @module */

import { answerLines } from "../support/line_process.ts";
import { type Question, questionSchema, type Work } from "./questions.ts";
import { createRecorder } from "./recorder.ts";
import { createUser, type User } from "./user.ts";

const recorder = createRecorder();
let users: User[] = [];

async function answer(question: Question): Promise<Work> {
  const started = performance.now();
  switch (question.do) {
    case "sign in": {
      const { tokens, ...project } = question;
      users = tokens.map((token) => createUser({ ...project, token, recorder }));
      await Promise.all(users.map((user) => user.begin()));
      break;
    }
    case "work":
      await Promise.all(users.map((user) => user.work(started + question.seconds * 1000)));
      break;
    case "check":
      await Promise.all(users.map((user) => user.check()));
      break;
  }
  return recorder.take((performance.now() - started) / 1000);
}

await answerLines((question) => answer(questionSchema.parse(question)));
