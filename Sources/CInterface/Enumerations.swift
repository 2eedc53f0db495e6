import Adaptation
import Training
import Vocabulary

/// What crosses the ABI as a number that stands for a case. The header has the same numbers under names of C, and other
/// languages read them here by name.
let enumerations: [(name: String, cases: [(name: String, number: Int)])] = [
  ("status", cases(Failure.Kind.self)),
  ("dtype", cases(DType.self)),
  ("request", cases(Optimizer.Request.Kind.self)),
  ("decision", cases(Decision.Kind.self)),
  ("scope", cases(Scope.self)),
  ("guard", cases(GuardMode.self)),
  ("judgement", cases(GuardPolicy.Judgement.self)),
  ("outcome", cases(StepOutcome.self)),
  ("bound", cases(RateBound.self)),
  ("search_phase", cases(SBFSearch.Phase.self)),
  ("episode_phase", cases(EpisodePhase.self)),
]

private func cases<E: CaseIterable & RawRepresentable>(_: E.Type) -> [(name: String, number: Int)]
where E.RawValue: BinaryInteger {
  E.allCases.map { (snakeCase("\($0)"), Int($0.rawValue)) }
}

/// probeGradient: probe_gradient
private func snakeCase(_ name: String) -> String {
  name.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : String($1) }
}
