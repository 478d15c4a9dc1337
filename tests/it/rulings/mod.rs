//! Every ruling about questions that the products leave open, with both outcomes.

mod belonging;
mod page;
mod r01_r03;
mod r04_r06;
mod r07_r09;
mod r10_r12;
mod r13;
mod r14_r16;
mod r17_r19;
mod r18;
mod r20_r22;
mod r23_r25;
mod r26_r27;
mod r28_r29;
mod r30;
mod r31;
mod r32_r37;
mod r33;
mod r34_r35;
mod r39;
mod seals_and_owners;
