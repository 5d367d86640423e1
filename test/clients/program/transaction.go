package program

const transactionRecords = 100

// Transaction groups an instance's records, if the run wants that; otherwise it does nothing.
type Transaction struct {
	begin, commit func() error
	wanted, size  int
}

// NewTransaction takes what the library has for the beginning and the end of one.
func NewTransaction(run *Run, begin, commit func() error) *Transaction {
	wanted := 0
	if run.Config.TransactionalID != "" {
		wanted = run.Config.TransactionRecords
		if wanted == 0 {
			wanted = transactionRecords
		}
	}
	return &Transaction{begin: begin, commit: commit, wanted: wanted}
}

// Next comes before each record.
func (t *Transaction) Next() error {
	if t.wanted == 0 {
		return nil
	}
	if t.size == t.wanted {
		if err := t.End(); err != nil {
			return err
		}
	}
	if t.size == 0 {
		if err := t.begin(); err != nil {
			return err
		}
	}
	t.size++
	return nil
}

// End commits what is open.
func (t *Transaction) End() error {
	if t.size == 0 {
		return nil
	}
	t.size = 0
	return t.commit()
}
