import Vocabulary

/// The list of learning-rate methods: one line each.
public enum RateCatalogue {
  public static let machines: [any RateMachine.Type] = [
    ConstantRate.self,
    Auto.self,
    L4.self,
    TLR.self,
    NTLR.self,
    NaiveTLR.self,
    QLABGrad.self,
    LQA.self,
    HD.self,
    SPS.self,
    SLS.self,
    BarzilaiBorwein.self,
    Newton.self,
    DoG.self,
    DoWG.self,
    StochasticBarzilaiBorwein.self,
    YellowFin.self,
    DAdaptation.self,
    Prodigy.self,
    ScheduleFree.self,
    MoMo.self,
    MARTHE.self,
    PeriodicALRS.self,
  ]

  public static func find(_ name: String) throws -> any RateMachine.Type {
    guard let machine = machines.first(where: { $0.card.name == name }) else {
      let known = machines.map { $0.card.name }.joined(separator: ", ")
      throw Failure.value("there is no learning-rate method '\(name)'; known: \(known)")
    }
    return machine
  }
}
