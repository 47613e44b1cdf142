import sys, time, tempfile
from pathlib import Path
from tests.support.crashing_cases import *
if __name__ == "__main__":
    stride=int(sys.argv[1])
    for op in sys.argv[2:]:
        base = Path(tempfile.mkdtemp(prefix="crash"))
        p = prepare(op, base)
        modes = {"forward": ((),False,False), "late": ((p.late,),False,False)}
        if p.member: modes["member"]=((p.member,),False,False)
        modes["once"]=((p.late,),True,False)
        if not p.forward: modes["stuck"]=((p.late,p.undo),False,True)
        for mode,(f,once,stuck) in modes.items():
            t=time.time(); n=0; bad=0; 
            for o in sweep(p, every(stride, lambda k: Case((k,), f, once, stuck))):
                n+=1
                if o.problems:
                    bad+=1; print(mode, o.case.kills, o.killed, o.state, str(o.problems)[:1500])
            print(op, mode, "cases", n, "bad", bad, "s", round(time.time()-t,1), flush=True)
